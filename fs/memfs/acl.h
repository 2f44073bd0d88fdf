/* SPDX-License-Identifier: MIT */
/*
 * POSIX ACLs, in the form in which they are the value of an extended attribute: a version, then entries of tag,
 * permissions and id, in the order of their tags (user, named users, group, named groups, mask, other).
 *
 * Model. The kernel checks access by them; what it leaves to the file system is keeping mode and ACL in step. The group
 * bits of the mode are the ACL's mask where it has one, else the group's entry. An access ACL that says no more than a
 * mode is not kept. Everything here works on the bytes of the attribute, changing them in place; a value comes from
 * outside.
 */
#ifndef MEMFS_ACL_H
#define MEMFS_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* -EINVAL unless it is well formed and complete. */
int acl_check(const void *value, size_t size);
/* The permission bits (0777) that a valid access ACL stands for; ret_more: it says more than they do. */
void acl_to_mode(const void *value, size_t size, mode_t *ret_mode, bool *ret_more);
/* chmod: a valid access ACL takes over the bits of mode. */
void acl_set_mode(void *value, size_t size, mode_t mode);
/* What a new file gets: value is a copy of its directory's default ACL and becomes the access ACL; mode, as its maker
 * asked for it, is cut down to what that allows. Returns whether the ACL says more than the mode. */
bool acl_inherit(void *value, size_t size, mode_t *mode);

#endif
