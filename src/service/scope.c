/* SPDX-License-Identifier: MIT */
#include "service/scope.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "service/service.h"
#include "service/silo.h"
#include "service/unc.h"
#include "service/volume.h"
#include "wire/protocol.h"

bool scope_is_local(const char *canonical, const char **ret_rest) {
    bool local = strncmp(canonical, "./", 2) == 0;
    if (local && ret_rest)
        *ret_rest = canonical + 2;
    return local;
}

int scope_canonical(const struct volume *volume, char *ret_prefix, size_t size) {
    int length = snprintf(ret_prefix, size, "%s%s", volume->scope[0] ? "./" : "", volume->prefix);
    return length < (int)size ? 0 : -ENAMETOOLONG;
}

bool scope_is_known(const struct silo *silo) {
    return silo->host || !silo_words_are_asked(silo);
}

void scope_of(const struct silo *silo, char ret_scope[SCOPE_MAX]) {
    const char *group = silo->words.group ? silo->words.group : "";
    if (silo->host)
        snprintf(ret_scope, SCOPE_MAX, "%chost", SCOPE_MARK);
    else if (group[0] && strlen(group) < SCOPE_MAX - 1)
        snprintf(ret_scope, SCOPE_MAX, "%c%s", SCOPE_MARK, group);
    else
        snprintf(ret_scope, SCOPE_MAX, "%csilo:%llu", SCOPE_MARK, (unsigned long long)silo->number);
    for (char *c = ret_scope; *c; c++) /* it is one component */
        if (*c == '/')
            *c = '_';
}

int scope_path(const char *scope, const char *visible, char *ret_path, size_t size) {
    return (size_t)snprintf(ret_path, size, "%s/%s", scope, visible) < size ? 0 : -ENAMETOOLONG;
}

uint64_t scope_resolve(struct service *service, const struct silo *silo, const char *canonical) {
    char scope[SCOPE_MAX], path[WIRE_PATH_MAX + SCOPE_MAX];
    const char *visible = canonical, *rest;
    bool local = scope_is_local(canonical, &visible);
    scope_of(silo, scope);
    if (scope_path(scope, visible, path, sizeof path) == 0) {
        uint64_t volume = unc_resolve(service->unc, path, &rest);
        if (volume)
            return volume;
    }
    return local ? 0 : unc_resolve(service->unc, canonical, &rest);
}
