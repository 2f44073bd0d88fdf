/* SPDX-License-Identifier: MIT */
/* Programs of x86-64, and those of 32 bits that such a machine runs, too. */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/paths.h"
#include "worker/unmount-call.h"

extern const uint8_t unmount_call_begin[], unmount_call_end[];
extern const uint8_t unmount_call_32_begin[], unmount_call_32_end[];

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

/* The same for programs of 32 bits, with path in ebx and flags in ecx. They keep all registers but eax over the call.
 */
asm(".pushsection .rodata\n"
    ".balign 16\n"
    ".globl unmount_call_32_begin, unmount_call_32_end\n"
    ".hidden unmount_call_32_begin, unmount_call_32_end\n"
    ".code32\n"
    "unmount_call_32_begin:\n"
    "    movl $52, %eax\n" /* umount2 */
    "    int $0x80\n"
    "    cmpl $-1, %eax\n" /* -EPERM */
    "    jne 9f\n"
    "    pushl %ebx\n"
    "    pushl %ecx\n"
    "    pushl %edx\n"
    "    pushl %esi\n"
    "    pushl %edi\n"
    "    pushl %ebp\n"
    "    subl $48, %esp\n" /* 0: all signals; 8: those that were blocked; 16: the child's status; 20: argv */
    "    movl %esp, %ebp\n"
    "    call 1f\n"
    "1:  popl %edi\n"
    "    leal (11f - 1b)(%edi), %eax\n"
    "    testb $2, %cl\n" /* MNT_DETACH */
    "    jnz 2f\n"
    "    leal (12f - 1b)(%edi), %eax\n"
    "2:  movl %eax, 24(%ebp)\n"
    "    leal (10f - 1b)(%edi), %eax\n"
    "    movl %eax, 20(%ebp)\n"
    "    leal (13f - 1b)(%edi), %eax\n"
    "    movl %eax, 28(%ebp)\n"
    "    movl %ebx, 32(%ebp)\n"
    "    movl $0, 36(%ebp)\n"
    "    movl $-1, (%ebp)\n"
    "    movl $-1, 4(%ebp)\n"
    "    movl $2, %ebx\n" /* SIG_SETMASK */
    "    movl %ebp, %ecx\n"
    "    leal 8(%ebp), %edx\n"
    "    movl $8, %esi\n"
    "    movl $175, %eax\n" /* rt_sigprocmask */
    "    int $0x80\n"
    "    movl $0x4100, %ebx\n" /* CLONE_VM | CLONE_VFORK, no signal */
    "    xorl %ecx, %ecx\n"
    "    xorl %edx, %edx\n"
    "    xorl %esi, %esi\n"
    "    xorl %edi, %edi\n"
    "    movl $120, %eax\n" /* clone */
    "    int $0x80\n"
    "    movl $-1, %edi\n"
    "    testl %eax, %eax\n"
    "    js 4f\n"
    "    jnz 3f\n"
    "    movl 20(%ebp), %ebx\n"
    "    leal 20(%ebp), %ecx\n"
    "    xorl %edx, %edx\n"
    "    movl $11, %eax\n" /* execve */
    "    int $0x80\n"
    "    movl $127, %ebx\n"
    "    movl $1, %eax\n" /* exit */
    "    int $0x80\n"
    "3:  movl %eax, %ebx\n"
    "    leal 16(%ebp), %ecx\n"
    "    movl $0x40000000, %edx\n" /* __WALL */
    "    xorl %esi, %esi\n"
    "    movl $114, %eax\n" /* wait4 */
    "    int $0x80\n"
    "    xorl %edi, %edi\n"
    "    testl %eax, %eax\n"
    "    js 4f\n"
    "    movl 16(%ebp), %edi\n"
    "4:  movl $2, %ebx\n"
    "    leal 8(%ebp), %ecx\n"
    "    xorl %edx, %edx\n"
    "    movl $8, %esi\n"
    "    movl $175, %eax\n"
    "    int $0x80\n"
    "    xorl %eax, %eax\n"
    "    testl %edi, %edi\n"
    "    jz 5f\n"
    "    movl $-1, %eax\n"
    "5:  addl $48, %esp\n"
    "    popl %ebp\n"
    "    popl %edi\n"
    "    popl %esi\n"
    "    popl %edx\n"
    "    popl %ecx\n"
    "    popl %ebx\n"
    "9:  ret\n"
    "10: .asciz \"" LINFSP_DEVICE_DIR "/bin/fusermount3\"\n"
    "11: .asciz \"-Equz\"\n"
    "12: .asciz \"-Equ\"\n"
    "13: .asciz \"--\"\n"
    "unmount_call_32_end:\n"
    ".code64\n"
    ".popsection\n");

/* mov $166, %eax; syscall */
static const int16_t pattern[] = {0xb8, 0xa6, 0, 0, 0, 0x0f, 0x05};
/* mov $52, %eax; mov 12(%esp), %ecx; mov 8(%esp), %ebx; call *%gs:16 */
static const int16_t pattern_32[] = {0xb8, 0x34, 0,           0,    0,    0x8b, 0x4c, 0x24, UNMOUNT_ANY, 0x8b,
                                     0x5c, 0x24, UNMOUNT_ANY, 0x65, 0xff, 0x15, 0x10, 0,    0,           0};
#define CALL_RELATIVE 0xe8
#define NOP 0x90

static const struct unmount_abi abis[] = {
    {ELFCLASS64, EM_X86_64, unmount_call_begin, unmount_call_end, pattern, ARRAY_SIZE(pattern), 0},
    {ELFCLASS32, EM_386, unmount_call_32_begin, unmount_call_32_end, pattern_32, ARRAY_SIZE(pattern_32), 13},
};

const struct unmount_abi *unmount_abi_find(uint8_t class, uint16_t machine) {
    for (size_t i = 0; i < ARRAY_SIZE(abis); i++)
        if (abis[i].class == class && abis[i].machine == machine)
            return &abis[i];
    return NULL;
}

int unmount_abi_make_call(uint64_t from, uint64_t to, uint8_t ret_instructions[UNMOUNT_CALL_MAX]) {
    int64_t distance = (int64_t)(to - (from + 5));
    int32_t relative = (int32_t)distance;
    if (relative != distance)
        return -ERANGE;
    ret_instructions[0] = CALL_RELATIVE;
    memcpy(ret_instructions + 1, &relative, sizeof relative);
    ret_instructions[5] = ret_instructions[6] = NOP;
    return 7; /* both system calls are of this size */
}
