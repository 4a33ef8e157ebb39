/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libfnotify: remote fsnotify over FUSE.
 *
 * Every function returns 0 or a negative errno unless it says otherwise. Objects are opaque and
 * counted; the library keeps no global state, prints nothing and never exits. Descriptors are
 * O_CLOEXEC. Unless a function says otherwise, one thread at a time may use an object.
 */
#ifndef FNOTIFY_H
#define FNOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FN_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
}
#endif

#endif
