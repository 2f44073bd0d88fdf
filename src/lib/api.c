/* SPDX-License-Identifier: MIT */
/* The one symbol that a program which loads the library at run time looks up. */
#include <linfsp/load.h>

const struct linfsp_api *linfsp_get_api(unsigned version) {
    static const struct linfsp_api api = {.size = sizeof api,
#define MEMBER(name) .name = linfsp_##name,
                                          LINFSP_API_FUNCTIONS(MEMBER)
#undef MEMBER
    };
    return version >= 1 && version <= LINFSP_API_VERSION ? &api : NULL;
}
