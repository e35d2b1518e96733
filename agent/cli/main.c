#include "agent/cli/command.h"

int main(int argc, char **argv)
{
    enum exit_code code = cli_main(argc, argv, stdout, stderr);
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        perror("holdfast: write the answer");
        return code == EXIT_DONE ? EXIT_REFUSED : (int)code;
    }
    return (int)code;
}
