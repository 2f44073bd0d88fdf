/* SPDX-License-Identifier: MIT */
/* x86-64. Programs of 32 bits are not known here. */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "util/paths.h"
#include "worker/unmount-call.h"

extern const uint8_t unmount_call_begin[], unmount_call_end[];

/*
 * Called in the place of the system call in umount2, with path in rdi and flags in rsi. Returns what the system call
 * returns, in rax. The C library's function has nothing in other registers that it needs, so only those are kept that
 * every function keeps.
 *
 * If the kernel refuses the call (-EPERM), a child is made that shares the memory and runs the stand-in; until then the
 * caller is stopped. All signals are blocked meanwhile: a handler must not run in the child. The program gets a SIGCHLD
 * at the child's end, as it does from the helper that libfuse runs. A program that lets the kernel, or a thread, wait
 * for its children may take this one from us (-ECHILD): what became of it is not known then, and called good.
 */
asm(".pushsection .rodata\n"
    ".balign 16\n"
    ".globl unmount_call_begin, unmount_call_end\n"
    ".hidden unmount_call_begin, unmount_call_end\n"
    "unmount_call_begin:\n"
    "    movl $166, %eax\n" /* umount2 */
    "    syscall\n"
    "    cmpl $-1, %eax\n" /* -EPERM */
    "    jne 9f\n"
    "    pushq %rbx\n"
    "    pushq %rbp\n"
    "    subq $72, %rsp\n" /* 0: all signals; 8: those that were blocked; 16: the child's status; 24: argv */
    "    movq %rdi, %rbx\n"
    "    leaq 11f(%rip), %rbp\n"
    "    testb $2, %sil\n" /* MNT_DETACH */
    "    jnz 1f\n"
    "    leaq 12f(%rip), %rbp\n"
    "1:  movq $-1, (%rsp)\n"
    "    movl $2, %edi\n" /* SIG_SETMASK */
    "    movq %rsp, %rsi\n"
    "    leaq 8(%rsp), %rdx\n"
    "    movl $8, %r10d\n"
    "    movl $14, %eax\n" /* rt_sigprocmask */
    "    syscall\n"
    "    leaq 10f(%rip), %rax\n"
    "    movq %rax, 24(%rsp)\n"
    "    movq %rbp, 32(%rsp)\n"
    "    leaq 13f(%rip), %rax\n"
    "    movq %rax, 40(%rsp)\n"
    "    movq %rbx, 48(%rsp)\n"
    "    movq $0, 56(%rsp)\n"
    "    movl $0x4100, %edi\n" /* CLONE_VM | CLONE_VFORK, no signal */
    "    xorl %esi, %esi\n"
    "    xorl %edx, %edx\n"
    "    xorl %r10d, %r10d\n"
    "    xorl %r8d, %r8d\n"
    "    movl $56, %eax\n" /* clone */
    "    syscall\n"
    "    movl $-1, %ebp\n"
    "    testl %eax, %eax\n"
    "    js 3f\n"
    "    jnz 2f\n"
    "    leaq 10f(%rip), %rdi\n"
    "    leaq 24(%rsp), %rsi\n"
    "    xorl %edx, %edx\n"
    "    movl $59, %eax\n" /* execve */
    "    syscall\n"
    "    movl $127, %edi\n"
    "    movl $60, %eax\n" /* exit */
    "    syscall\n"
    "2:  movl %eax, %edi\n"
    "    leaq 16(%rsp), %rsi\n"
    "    movl $0x40000000, %edx\n" /* __WALL */
    "    xorl %r10d, %r10d\n"
    "    movl $61, %eax\n" /* wait4 */
    "    syscall\n"
    "    xorl %ebp, %ebp\n"
    "    testl %eax, %eax\n"
    "    js 3f\n"
    "    movl 16(%rsp), %ebp\n"
    "3:  movl $2, %edi\n"
    "    leaq 8(%rsp), %rsi\n"
    "    xorl %edx, %edx\n"
    "    movl $8, %r10d\n"
    "    movl $14, %eax\n"
    "    syscall\n"
    "    xorl %eax, %eax\n"
    "    testl %ebp, %ebp\n"
    "    jz 4f\n"
    "    movq $-1, %rax\n"
    "4:  addq $72, %rsp\n"
    "    popq %rbp\n"
    "    popq %rbx\n"
    "9:  ret\n"
    "10: .asciz \"" LINFSP_DEVICE_DIR "/bin/fusermount3\"\n"
    "11: .asciz \"-Equz\"\n"
    "12: .asciz \"-Equ\"\n"
    "13: .asciz \"--\"\n"
    "unmount_call_end:\n"
    ".popsection\n");

/* mov $166, %eax; syscall */
static const uint8_t call[] = {0xb8, 0xa6, 0, 0, 0, 0x0f, 0x05};
#define CALL_AT_MOST 16 /* from the function's beginning */
#define CALL_RELATIVE 0xe8
#define NOP 0x90

const void *unmount_call_code(size_t *ret_size) {
    *ret_size = (size_t)((uintptr_t)unmount_call_end - (uintptr_t)unmount_call_begin);
    return unmount_call_begin;
}

int unmount_call_find(const uint8_t function[UNMOUNT_CALL_SIZE]) {
    for (int at = 0; at <= CALL_AT_MOST; at++) {
        if (memcmp(function + at, call, sizeof call) == 0)
            return at;
        if (function[at] == CALL_RELATIVE && function[at + 5] == NOP && function[at + 6] == NOP)
            return -EALREADY;
    }
    return -ENOSYS;
}

int unmount_call_make(uint64_t from, uint64_t to, uint8_t ret_instructions[UNMOUNT_CALL_SIZE]) {
    int64_t distance = (int64_t)(to - (from + 5));
    int32_t relative = (int32_t)distance;
    if (relative != distance)
        return -ERANGE;
    ret_instructions[0] = CALL_RELATIVE;
    memcpy(ret_instructions + 1, &relative, sizeof relative);
    ret_instructions[5] = ret_instructions[6] = NOP;
    return sizeof call;
}

uint16_t unmount_call_machine(void) {
    return EM_X86_64;
}
