/* SPDX-License-Identifier: MIT */
#include "service/owner.h"

#include "service/service.h"
#include "service/silo.h"
#include "util/log.h"
#include "util/plural.h"

/* So many times what one owner may have is for all of them together. */
#define OWNERS_SHARE 8

struct owner {
    UT_hash_handle hash;
    uid_t uid;
    unsigned silos;
    bool refused; /* and that was said */
};

static bool is_counted(const struct silo *silo) {
    return silo->target.user_namespace && silo->target.owner_uid != 0;
}

static struct owner *owner_get(struct service *service, uid_t uid) {
    struct owner *owner = NULL;
    HASH_FIND(hash, service->owners, &uid, sizeof uid, owner);
    if (owner || !(owner = calloc(1, sizeof *owner)))
        return owner;
    owner->uid = uid;
    HASH_ADD(hash, service->owners, uid, sizeof owner->uid, owner);
    if (!hash_has(hash, owner)) {
        free(owner);
        return NULL;
    }
    return owner;
}

static void count(struct silo *silo, struct owner *owner) {
    owner->silos++;
    silo->service->owned_silos++;
    silo->owner = owner;
}

int owner_admit(struct silo *silo) {
    struct service *service = silo->service;
    unsigned limit = service->limits.silos_per_user;
    if (!is_counted(silo))
        return 0;
    struct owner *owner = owner_get(service, silo->target.owner_uid);
    if (!owner)
        return -ENOMEM;
    if (owner->silos < limit && service->owned_silos < OWNERS_SHARE * limit) {
        count(silo, owner);
        return 0;
    }
    if (!owner->refused)
        log_warning("user %u has %u %s: more go without LinFsp (max_silos_per_user in /etc/linfsp.conf)", owner->uid,
                    owner->silos, plural(owner->silos, "container", "containers"));
    owner->refused = true;
    return -EDQUOT;
}

void owner_adopt(struct silo *silo) {
    struct owner *owner = is_counted(silo) ? owner_get(silo->service, silo->target.owner_uid) : NULL;
    if (owner)
        count(silo, owner);
}

void owner_leave(struct silo *silo) {
    struct owner *owner = steal_pointer(silo->owner);
    if (!owner)
        return;
    silo->service->owned_silos--;
    if (--owner->silos > 0)
        return;
    HASH_DELETE(hash, silo->service->owners, owner);
    free(owner);
}
