/* SPDX-License-Identifier: MIT */
/* sshfs's way to files of its own machine, in images without a shell, too: it asks for a program that connects it with
 * an SFTP server. */
#include <unistd.h>

int main(void) {
    execl("/usr/lib/openssh/sftp-server", "sftp-server", (char *)NULL);
    return 127;
}
