/* SPDX-License-Identifier: MIT */
/*
 * fsp_fuse_opt_...: options by templates, as libfuse's manual has it.
 *
 * Model. Arguments are taken one by one. What templates match is stored, or given to the caller's function; what that
 * function keeps goes into a new list of arguments: options of -o are collected, and stand together behind the first
 * argument in the end. Memory that the program frees comes from the program's own allocator (env).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "winfsp/fuse/internal.h"

#define KEEP 1

struct parse {
    struct fsp_fuse_env *env;
    void *data;
    const struct fuse_opt *opts;
    fuse_opt_proc_t proc;
    int argc;
    char **argv; /* what is taken apart */
    int at;
    struct fuse_args out;
    char *out_options; /* of -o, joined */
    bool no_more_options; /* behind "--" */
};

/* ---- memory ---------------------------------------------------------------------------------------------------- */

static void *allocate(struct fsp_fuse_env *env, size_t size) {
    return env->memalloc(size);
}

static void give_back(struct fsp_fuse_env *env, void *memory) {
    if (memory)
        env->memfree(memory);
}

char *fsp_env_strndup(struct fsp_fuse_env *env, const char *text, size_t length) {
    char *copy = allocate(env, length + 1);
    if (copy) {
        memcpy(copy, text, length);
        copy[length] = 0;
    }
    return copy;
}

static int no_memory(void) {
    fprintf(stderr, "fuse: out of memory\n");
    return -1;
}

/* ---- lists of arguments ---------------------------------------------------------------------------------------- */

static void free_args(struct fsp_fuse_env *env, struct fuse_args *args) {
    if (args->argv && args->allocated) {
        for (int i = 0; i < args->argc; i++)
            give_back(env, args->argv[i]);
        give_back(env, args->argv);
    }
    *args = (struct fuse_args){0};
}

static int insert_arg(struct fsp_fuse_env *env, struct fuse_args *args, int position, const char *arg) {
    if (position < 0 || position > args->argc || (args->argc && !args->allocated))
        return -1;
    char **argv = allocate(env, ((size_t)args->argc + 2) * sizeof *argv);
    char *copy = fsp_env_strndup(env, arg, strlen(arg));
    if (!argv || !copy) {
        give_back(env, argv);
        give_back(env, copy);
        return no_memory();
    }
    for (int i = 0, to = 0; to <= args->argc; to++)
        argv[to] = to == position ? copy : args->argv[i++];
    argv[args->argc + 1] = NULL;
    if (args->allocated)
        give_back(env, args->argv);
    args->argv = argv;
    args->argc++;
    args->allocated = 1;
    return 0;
}

static int add_arg(struct fsp_fuse_env *env, struct fuse_args *args, const char *arg) {
    return insert_arg(env, args, args->argc, arg);
}

/* Appends to a list with commas; escape: commas and backslashes of its own get a backslash. */
static int add_option(struct fsp_fuse_env *env, char **options, const char *option, bool escape) {
    size_t before = *options ? strlen(*options) : 0;
    char *joined = allocate(env, before + 2 * strlen(option) + 2), *end = joined;
    if (!joined)
        return no_memory();
    if (before) {
        memcpy(joined, *options, before);
        end += before;
        *end++ = ',';
    }
    for (const char *c = option; *c; c++) {
        if (escape && (*c == ',' || *c == '\\'))
            *end++ = '\\';
        *end++ = *c;
    }
    *end = 0;
    give_back(env, *options);
    *options = joined;
    return 0;
}

/* ---- templates ------------------------------------------------------------------------------------------------- */

/* Whether a template matches. *ret_parameter: where its parameter's form stands in the template, or NULL;
 * *ret_length: how much of arg is in front of the parameter. */
static bool matches(const char *template, const char *arg, const char **ret_form, size_t *ret_length) {
    const char *separator = strpbrk(template, "= ");
    *ret_form = NULL;
    *ret_length = strlen(arg);
    if (separator && (!separator[1] || separator[1] == '%')) {
        size_t length = (size_t)(separator - template) + (*separator == '=');
        if (strncmp(template, arg, length) == 0 && strlen(arg) >= length) {
            *ret_form = separator;
            *ret_length = length;
            return true;
        }
    }
    return strcmp(template, arg) == 0;
}

static const struct fuse_opt *find(const struct fuse_opt *opt, const char *arg, const char **ret_form,
                                   size_t *ret_length) {
    for (; opt && opt->templ; opt++)
        if (matches(opt->templ, arg, ret_form, ret_length))
            return opt;
    return NULL;
}

/* The size that a conversion's length modifier asks for. Moves *form behind it. */
static unsigned take_size(const char **form) {
    unsigned size = 4;
    for (;; (*form)++) {
        if (**form == 'h')
            size = size == 2 ? 1 : 2;
        else if (**form == 'l')
            size = size == fsp_flavour_long_size() && (*form)[-1] == 'l' ? 8 : fsp_flavour_long_size();
        else if (**form == 'j' || **form == 'z')
            size = 8;
        else
            return size;
    }
}

static int store_number(void *to, const char *form, const char *text) {
    form++; /* % */
    unsigned size = take_size(&form);
    int base = *form == 'x' ? 16 : *form == 'o' ? 8 : *form == 'i' ? 0 : 10;
    char *end;
    errno = 0;
    uint64_t value = text[0] == '-' ? (uint64_t)strtoll(text, &end, base) : strtoull(text, &end, base);
    if (end == text || *end || errno || !*form || !strchr("diuxo", *form))
        return -1;
    if (size == 1)
        *(uint8_t *)to = (uint8_t)value;
    else if (size == 2)
        *(uint16_t *)to = (uint16_t)value;
    else if (size == 4)
        *(uint32_t *)to = (uint32_t)value;
    else
        *(uint64_t *)to = value;
    return 0;
}

static int store(struct parse *parse, const struct fuse_opt *opt, const char *form, const char *arg, size_t length) {
    void *to = (char *)parse->data + opt->offset;
    if (!form || !form[1]) {
        *(int *)to = opt->value;
        return 0;
    }
    if (strcmp(form + 1, "%s") == 0) {
        char *copy = fsp_env_strndup(parse->env, arg + length, strlen(arg + length));
        if (!copy)
            return no_memory();
        give_back(parse->env, *(char **)to);
        *(char **)to = copy;
        return 0;
    }
    if (store_number(to, form + 1, arg + length) == 0)
        return 0;
    fprintf(stderr, "fuse: invalid parameter in option `%s'\n", arg);
    return -1;
}

/* ---- one argument ---------------------------------------------------------------------------------------------- */

static int keep(struct parse *parse, const char *arg, bool of_o) {
    return of_o ? add_option(parse->env, &parse->out_options, arg, true) : add_arg(parse->env, &parse->out, arg);
}

static int ask(struct parse *parse, const char *arg, int key, bool of_o) {
    if (key == FUSE_OPT_KEY_DISCARD)
        return 0;
    int r = key != FUSE_OPT_KEY_KEEP && parse->proc ? parse->proc(parse->data, arg, key, &parse->out) : KEEP;
    if (r < 0)
        return -1;
    return r ? keep(parse, arg, of_o) : 0;
}

/* A template with " %s": its parameter may be the next argument. The caller frees *ret_arg. */
static int join_next(struct parse *parse, const char *arg, char **ret_arg) {
    if (parse->at + 1 >= parse->argc) {
        fprintf(stderr, "fuse: missing argument after `%s'\n", arg);
        return -1;
    }
    const char *next = parse->argv[++parse->at];
    size_t size = strlen(arg) + strlen(next) + 1;
    char *joined = allocate(parse->env, size);
    if (!joined)
        return no_memory();
    snprintf(joined, size, "%s%s", arg, next);
    *ret_arg = joined;
    return 0;
}

static int take_option(struct parse *parse, const char *arg, bool of_o) {
    const char *form;
    size_t length;
    char *joined = NULL;
    const struct fuse_opt *opt = find(parse->opts, arg, &form, &length);
    if (!opt)
        return ask(parse, arg, FUSE_OPT_KEY_OPT, of_o);
    int r = 0;
    for (; r == 0 && opt; opt = find(opt + 1, arg, &form, &length)) {
        if (form && *form == ' ' && !arg[length] && !of_o) {
            r = join_next(parse, arg, &joined);
            arg = r == 0 ? joined : arg;
        }
        if (r == 0)
            r = opt->offset == -1U ? ask(parse, arg, opt->value, of_o) : store(parse, opt, form, arg, length);
    }
    give_back(parse->env, joined);
    return r;
}

/* What follows -o: with commas between. A backslash takes the meaning from a comma and from a backslash; others stay,
 * as Windows programs have paths there. */
static int take_list(struct parse *parse, const char *list) {
    char *option = allocate(parse->env, strlen(list) + 1);
    int r = option ? 0 : no_memory();
    while (r == 0 && *list) {
        char *end = option;
        for (; *list && *list != ','; list++) {
            if (*list == '\\' && (list[1] == ',' || list[1] == '\\'))
                list++;
            *end++ = *list;
        }
        *end = 0;
        list += *list == ',';
        if (*option)
            r = take_option(parse, option, true);
    }
    give_back(parse->env, option);
    return r;
}

static int take_argument(struct parse *parse) {
    const char *arg = parse->argv[parse->at];
    if (parse->no_more_options || arg[0] != '-')
        return ask(parse, arg, FUSE_OPT_KEY_NONOPT, false);
    if (strcmp(arg, "--") == 0) {
        parse->no_more_options = true;
        return add_arg(parse->env, &parse->out, arg);
    }
    if (arg[1] != 'o')
        return take_option(parse, arg, false);
    if (arg[2])
        return take_list(parse, arg + 2);
    if (parse->at + 1 >= parse->argc) {
        fprintf(stderr, "fuse: missing argument after `%s'\n", arg);
        return -1;
    }
    return take_list(parse, parse->argv[++parse->at]);
}

static int take_all(struct parse *parse) {
    int r = parse->argc > 0 ? add_arg(parse->env, &parse->out, parse->argv[0]) : 0;
    for (parse->at = 1; r == 0 && parse->at < parse->argc; parse->at++)
        r = take_argument(parse);
    if (r == 0 && parse->out_options) {
        r = insert_arg(parse->env, &parse->out, 1, "-o");
        if (r == 0)
            r = insert_arg(parse->env, &parse->out, 2, parse->out_options);
    }
    /* "--" that nothing follows says nothing */
    if (r == 0 && parse->out.argc > 1 && strcmp(parse->out.argv[parse->out.argc - 1], "--") == 0) {
        give_back(parse->env, parse->out.argv[--parse->out.argc]);
        parse->out.argv[parse->out.argc] = NULL;
    }
    return r;
}

/* ---- the API --------------------------------------------------------------------------------------------------- */

int FSP_FUSE_CALL fsp_fuse_opt_parse(struct fsp_fuse_env *env, struct fuse_args *args, void *data,
                                     const struct fuse_opt opts[], fuse_opt_proc_t proc) {
    if (!args || !args->argv || !args->argc)
        return 0;
    struct parse parse = {.env = env, .data = data, .opts = opts, .proc = proc, .argc = args->argc, .argv = args->argv};
    int r = take_all(&parse);
    give_back(env, parse.out_options);
    if (r < 0) {
        free_args(env, &parse.out);
        return -1;
    }
    free_args(env, args);
    *args = parse.out;
    return 0;
}

int FSP_FUSE_CALL fsp_fuse_opt_add_arg(struct fsp_fuse_env *env, struct fuse_args *args, const char *arg) {
    return add_arg(env, args, arg);
}

int FSP_FUSE_CALL fsp_fuse_opt_insert_arg(struct fsp_fuse_env *env, struct fuse_args *args, int pos, const char *arg) {
    return insert_arg(env, args, pos, arg);
}

void FSP_FUSE_CALL fsp_fuse_opt_free_args(struct fsp_fuse_env *env, struct fuse_args *args) {
    if (args)
        free_args(env, args);
}

int FSP_FUSE_CALL fsp_fuse_opt_add_opt(struct fsp_fuse_env *env, char **opts, const char *opt) {
    return add_option(env, opts, opt, false);
}

int FSP_FUSE_CALL fsp_fuse_opt_add_opt_escaped(struct fsp_fuse_env *env, char **opts, const char *opt) {
    return add_option(env, opts, opt, true);
}

int FSP_FUSE_CALL fsp_fuse_opt_match(struct fsp_fuse_env *env, const struct fuse_opt opts[], const char *opt) {
    const char *form;
    size_t length;
    (void)env;
    return find(opts, opt, &form, &length) != NULL;
}
