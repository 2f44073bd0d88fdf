/* SPDX-License-Identifier: MIT */
/* What is executed in the catcher's tests. Its exit status says which of them it is, and whether its arguments came. */
#include <string.h>

int main(int argc, char **argv) {
    return argc == 3 && strcmp(argv[1], "one") == 0 && strcmp(argv[2], "two") == 0 ? TEST_STATUS : 1;
}
