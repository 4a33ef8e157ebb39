/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FN_GEN_H
#define FN_GEN_H

#include <stdio.h>

#include "common/cmd.h"

const struct fn_command *gen_command(const char *name);

void gen_bash(FILE *f, const struct fn_command *cmd);
void gen_zsh(FILE *f, const struct fn_command *cmd);
void gen_fish(FILE *f, const struct fn_command *cmd);
int gen_man(const char *path);
int gen_covered(const char *name, const char *page);

/* All event names and groups, sorted, each once; words must hold 80. */
size_t gen_event_words(const char **words);

#endif
