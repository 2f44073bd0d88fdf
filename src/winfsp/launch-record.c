/* SPDX-License-Identifier: MIT */
/*
 * The records of registered classes: a file CLASS.conf each, of lines "Name = value", with the names that WinFsp's
 * registry has. '#' begins a comment.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "winfsp/launcher.h"
#include "winfsp/status.h"
#include "winfsp/text.h"

#define RECORD_MAX 16384

static const struct {
    const char *name;
    size_t offset;
    bool number;
} fields[] = {
    {"Agent", offsetof(FSP_LAUNCH_REG_RECORD, Agent), false},
    {"Executable", offsetof(FSP_LAUNCH_REG_RECORD, Executable), false},
    {"CommandLine", offsetof(FSP_LAUNCH_REG_RECORD, CommandLine), false},
    {"WorkDirectory", offsetof(FSP_LAUNCH_REG_RECORD, WorkDirectory), false},
    {"RunAs", offsetof(FSP_LAUNCH_REG_RECORD, RunAs), false},
    {"Security", offsetof(FSP_LAUNCH_REG_RECORD, Security), false},
    {"AuthPackage", offsetof(FSP_LAUNCH_REG_RECORD, AuthPackage), false},
    {"Stderr", offsetof(FSP_LAUNCH_REG_RECORD, Stderr), false},
    {"JobControl", offsetof(FSP_LAUNCH_REG_RECORD, JobControl), true},
    {"Credentials", offsetof(FSP_LAUNCH_REG_RECORD, Credentials), true},
    {"AuthPackageId", offsetof(FSP_LAUNCH_REG_RECORD, AuthPackageId), true},
    {"Recovery", offsetof(FSP_LAUNCH_REG_RECORD, Recovery), true},
};

const char *launch_folder(void) {
    const char *folder = getenv("LINFSP_LAUNCH_D");
    return folder && *folder ? folder : LAUNCH_FOLDER;
}

bool launch_class_valid(const char *name) {
    return *name && *name != '.' && strlen(name) < LAUNCH_NAME_MAX && !strpbrk(name, "/\\\n");
}

/* The file of a class. To be freed; NULL with a status. */
static char *path_of(PCWSTR class, NTSTATUS *ret_status) {
    char *path = NULL;
    _cleanup_free_ char *name = class ? fsp_wide_to_utf8_new(class) : NULL;
    *ret_status = STATUS_INVALID_PARAMETER;
    if (!name || !launch_class_valid(name))
        return NULL;
    *ret_status =
        asprintf(&path, "%s/%s.conf", launch_folder(), name) < 0 ? STATUS_INSUFFICIENT_RESOURCES : STATUS_SUCCESS;
    return *ret_status == STATUS_SUCCESS ? path : NULL;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static char *trim(char *text) {
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = 0;
    return text;
}

/* Texts are put behind the record, *used bytes of which are taken. A name that is not known is an error: a misspelt
 * Security must not be passed over. */
static NTSTATUS take_line(FSP_LAUNCH_REG_RECORD *record, size_t *used, char *line) {
    char *value = strchr(line, '=');
    if (!*line || *line == '#')
        return STATUS_SUCCESS;
    if (!value)
        return STATUS_INVALID_PARAMETER;
    *value++ = 0;
    const char *name = trim(line);
    value = trim(value);
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        void *place = (char *)record + fields[i].offset;
        if (strcmp(name, fields[i].name) != 0)
            continue;
        if (fields[i].number) {
            *(ULONG *)place = (ULONG)strtoul(value, NULL, 0);
            return STATUS_SUCCESS;
        }
        PWSTR text = (PWSTR)(void *)(record->Buffer + *used);
        int units = fsp_utf8_to_wide(value, strlen(value), text, (RECORD_MAX - *used) / sizeof(WCHAR) - 1);
        if (units < 0)
            return STATUS_INVALID_PARAMETER;
        text[units] = 0;
        *used += ((size_t)units + 1) * sizeof(WCHAR);
        *(PWSTR *)place = text;
        return STATUS_SUCCESS;
    }
    return STATUS_INVALID_PARAMETER;
}

static NTSTATUS read_record(FILE *file, FSP_LAUNCH_REG_RECORD *record) {
    char line[4096];
    size_t used = 0;
    NTSTATUS status = STATUS_SUCCESS;
    while (NT_SUCCESS(status) && fgets(line, sizeof line, file))
        status = strchr(line, '\n') || feof(file) ? take_line(record, &used, trim(line)) : STATUS_INVALID_PARAMETER;
    if (NT_SUCCESS(status) && !record->Executable)
        status = STATUS_OBJECT_NAME_NOT_FOUND;
    return status;
}

/* Agent: a list of names with commas; a record without is everybody's. */
static bool is_for(const FSP_LAUNCH_REG_RECORD *record, PCWSTR agent) {
    if (!agent || !record->Agent || !*record->Agent)
        return true;
    size_t length = fsp_wide_length(agent);
    for (const WCHAR *at = record->Agent; *at;) {
        size_t here = 0;
        while (at[here] && at[here] != ',')
            here++;
        if (fsp_wide_compare_folded(at, here, agent, length) == 0)
            return true;
        at += here + (at[here] == ',');
    }
    return false;
}

NTSTATUS FSP_ABI FspLaunchRegGetRecord(PWSTR ClassName, PWSTR Agent, FSP_LAUNCH_REG_RECORD **PRecord) {
    NTSTATUS status;
    if (!PRecord)
        return STATUS_INVALID_PARAMETER;
    *PRecord = NULL;
    _cleanup_free_ char *path = path_of(ClassName, &status);
    if (!path)
        return status;
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT ? STATUS_OBJECT_NAME_NOT_FOUND : fsp_status_from_errno(-errno);
    FSP_LAUNCH_REG_RECORD *record = calloc(1, sizeof *record + RECORD_MAX);
    if (!record)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = read_record(file, record);
    if (NT_SUCCESS(status) && !is_for(record, Agent))
        status = STATUS_OBJECT_NAME_NOT_FOUND;
    if (!NT_SUCCESS(status)) {
        free(record);
        return status;
    }
    *PRecord = record;
    return STATUS_SUCCESS;
}

VOID FSP_ABI FspLaunchRegFreeRecord(FSP_LAUNCH_REG_RECORD *Record) {
    free(Record);
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static NTSTATUS write_record(FILE *file, const FSP_LAUNCH_REG_RECORD *record) {
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        const void *place = (const char *)record + fields[i].offset;
        if (fields[i].number) {
            fprintf(file, "%s = %lu\n", fields[i].name, (unsigned long)*(const ULONG *)place);
            continue;
        }
        if (!*(const PWSTR *)place)
            continue;
        _cleanup_free_ char *text = fsp_wide_to_utf8_new(*(const PWSTR *)place);
        if (!text || strchr(text, '\n'))
            return STATUS_INVALID_PARAMETER;
        fprintf(file, "%s = %s\n", fields[i].name, text);
    }
    return fflush(file) == 0 ? STATUS_SUCCESS : fsp_status_from_errno(-errno);
}

/* The file is whole or is not there. */
NTSTATUS FSP_ABI FspLaunchRegSetRecord(PWSTR ClassName, const FSP_LAUNCH_REG_RECORD *Record) {
    NTSTATUS status;
    _cleanup_free_ char *path = path_of(ClassName, &status), *temporary = NULL;
    if (!path)
        return status;
    if (!Record)
        return unlink(path) == 0 || errno == ENOENT ? STATUS_SUCCESS : fsp_status_from_errno(-errno);
    if (!Record->Executable)
        return STATUS_INVALID_PARAMETER;
    if (asprintf(&temporary, "%s.new", path) < 0)
        return STATUS_INSUFFICIENT_RESOURCES;
    _cleanup_fclose_ FILE *file = fopen(temporary, "we");
    if (!file)
        return fsp_status_from_errno(-errno);
    status = write_record(file, Record);
    if (NT_SUCCESS(status) && rename(temporary, path) < 0)
        status = fsp_status_from_errno(-errno);
    if (!NT_SUCCESS(status))
        unlink(temporary);
    return status;
}
