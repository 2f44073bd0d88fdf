/* SPDX-License-Identifier: MIT */
#ifndef WINFSP_THREAD_VARIABLE_H
#define WINFSP_THREAD_VARIABLE_H

/*
 * A variable of a thread's own stands in a function like this, which returns its address:
 *
 *     static int *FSP_THREAD_VARIABLE(count_here)(void) { static _Thread_local int count; return &count; }
 *
 * GCC finds such a variable by a call, and takes that call to keep the registers that the function around it must keep.
 * In an FSP_ABI function of the DLL for Wine these are more than the call keeps: arguments were lost.
 */
#define FSP_THREAD_VARIABLE(name) __attribute__((noinline)) name

#endif
