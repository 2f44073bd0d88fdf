/* SPDX-License-Identifier: MIT */
/*
 * What is executed in the catcher's tests. Its exit status says which of them it is, and whether its arguments came.
 * With a third one the test's own takes a while.
 */
#include <stdbool.h>
#include <string.h>
#include <time.h>

int main(int argc, char **argv) {
    const struct timespec a_while = {.tv_nsec = 300000000};
    bool complete = argc >= 3 && strcmp(argv[1], "one") == 0 && strcmp(argv[2], "two") == 0;
    if (argc > 3 && TEST_STATUS == 10)
        (void)nanosleep(&a_while, NULL);
    return complete ? TEST_STATUS : 1;
}
