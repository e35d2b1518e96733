/*
 * agent/cli/command - the program `holdfast`: one table of commands, what all of them share, and how they end.
 *
 *   words ──► cli_main: options of all ──► command_find ──► run: argp of the command ──► call ──► agent's socket
 *                                                            └─ prints for a person, or the agent's JSON with --json
 *
 * A command never opens the database: it asks the agent. Which agent: --socket, else --state-dir, else
 * $HOLDFAST_SOCKET, else where the agent listens by default (see socket_default).
 *
 * Ends with: enum exit_code. Wrong usage ends the program inside argp, with EXIT_USAGE.
 * Layer:     agent. Uses base, crypto/secret and sync/edge/local_client.
 */
#ifndef AGENT_CLI_COMMAND_H
#define AGENT_CLI_COMMAND_H

#include <argp.h>

#include "agent/cli/screen.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1, /* understood, and the reason is on standard error */
    EXIT_USAGE = 2,
    EXIT_UNREACHABLE = 3, /* no agent answers on the socket */
    EXIT_LOCKED = 4,
};

#define SOCKET_PATH_SIZE 512

struct command;

struct cli {
    const struct command *command;
    char socket_path[SOCKET_PATH_SIZE];
    bool json;
    struct screen screen; /* answers */
    struct screen notes;  /* standard error: refusals, progress, what to do next */
};

struct command {
    const char *name;
    const char *summary;
    const struct argp *argp;
    enum exit_code (*run)(struct cli *cli, int argc, char **argv);
};

/* X(name, summary), in the order in which they are listed; where a group begins says command.c */
#define COMMANDS(X)                                                                                                    \
    X(status, "what state the agent is in, what waits, and what to do next")                                           \
    X(sync, "exchange with the centre now")                                                                            \
    X(roll, "the register of a day")                                                                                   \
    X(attend, "record how a session went")                                                                             \
    X(session, "everything recorded about one session, both sides of a dispute")                                       \
    X(flags, "what somebody should look at")                                                                           \
    X(flag, "one flag: its facts, its rule, the next step")                                                            \
    X(review, "say what was found about a flag, with answers to its questions")                                        \
    X(doubts, "compliance doubts, and where each stands")                                                              \
    X(doubt, "preview, raise, show or withdraw a compliance doubt")                                                    \
    X(challenge, "what can be done about a decision of the Jobcentre, and until when")                                 \
    X(disputes, "sessions about which two people recorded different things")                                           \
    X(overwrites, "values that a later change elsewhere took the place of")                                            \
    X(quarantine, "records that are kept without being used, and why")                                                 \
    X(participants, "the people who take part")                                                                        \
    X(participant, "record a person who takes part, list or show people")                                              \
    X(referrals, "who was referred here, and where each referral stands")                                              \
    X(referral, "record a referral, answer it, or record what became of it")                                           \
    X(placements, "who is placed where, and when")                                                                     \
    X(placement, "place somebody, change or show a placement")                                                         \
    X(notice, "record a written notice that was served, or list the notices")                                          \
    X(contact, "record that somebody tried to reach a person, or list the attempts")                                   \
    X(change, "record a change in a person's life, or list the changes")                                               \
    X(break, "record days on which nobody is expected at a placement, or list them")                                   \
    X(jobsearch, "record the job search of a week, or list it")                                                        \
    X(host, "record a host, list or show hosts")                                                                       \
    X(hosts, "the hosts where placements are")                                                                         \
    X(opportunity, "record what there is to do at a host, list or show it")                                            \
    X(opportunities, "what there is to do, and where")                                                                 \
    X(duplicates, "records of people that seem to be of the same one")                                                 \
    X(merge, "say that two records are of the same person, or that they are not")                                      \
    X(capacity, "places stated, taken and forecast")                                                                   \
    X(message, "messages to and from JCP")                                                                             \
    X(volunteer, "the charity's own volunteers, their shifts and hours, which stay here")                              \
    X(contracts, "contracts: their form, what is claimed and paid")                                                    \
    X(contract, "record the terms of a contract, or show what it brings against what it costs")                        \
    X(milestones, "what contracts pay for: reached, still to come, claimed")                                           \
    X(claims, "what was claimed, and what was paid")                                                                   \
    X(claim, "record a claim, its payment or its refusal")                                                             \
    X(services, "help that is bought: what is used and what is left")                                                  \
    X(service, "record that bought help was used")                                                                     \
    X(policy, "what the organisation decided about taking part, by whom and why")                                      \
    X(take_part, "what trustees should know before they decide whether to take part")                                  \
    X(report, "the week's report for trustees, as text, HTML or PDF")                                                  \
    X(import, "take a spreadsheet of referrals, placements or a register")                                             \
    X(export, "write records to a spreadsheet or JSON")                                                                \
    X(calendar, "sessions and appointments as a calendar file")                                                        \
    X(evidence, "a pack that proves what was recorded about one session or person")                                    \
    X(subject_access, "a person's own copy of everything that is held about them")                                     \
    X(log, "the signed log, newest first")                                                                             \
    X(checkpoint, "what the centre has signed of this site's history, and whether it keeps to it")                     \
    X(erase, "erase what is recorded about a person, a session, or one record")                                        \
    X(retention, "whose records have been kept long enough, and erasing them")                                         \
    X(audit, "who read what is for few to read, and who changed what")                                                 \
    X(enrol, "join this device to a centre with a one-time code")                                                      \
    X(bundle, "exchange with the centre by files, where there is no network")                                          \
    X(backup, "write the whole replica to one encrypted file")                                                         \
    X(restore, "put the replica of a backup in use")                                                                   \
    X(verify, "check every record's hash, link and signature")                                                         \
    X(rebuild, "make the tables again from the log")                                                                   \
    X(pack, "check a programme pack: the numbers, codes and holidays of a programme")                                  \
    X(unlock, "open the vault with its passphrase")                                                                    \
    X(lock, "close the vault and wipe its keys")                                                                       \
    X(accept, "open a vault whose list of present pages was lost or damaged")                                          \
    X(key, "the ways to unlock: list, add, change, remove, recover, escrow")                                           \
    X(rekey, "encrypt everything anew under a new key")                                                                \
    X(person, "who works with this machine, and in which roles")                                                       \
    X(sign_in, "sign in as a person with a passphrase")                                                                \
    X(sign_out, "end what sign-in began")                                                                              \
    X(whoami, "as whom this machine knows you, and in which roles")                                                    \
    X(version, "versions of this program and of the agent")                                                            \
    X(help, "this list, or what a command takes")

#define X(name, summary)                                                                                               \
    extern const struct argp name##_argp;                                                                              \
    enum exit_code name##_run(struct cli *cli, int argc, char **argv);
COMMANDS(X)
#undef X

const struct command *command_find(const char *name); /* NULL: unknown */
const struct command *command_at(size_t index);       /* NULL past the end */

/*
 * Parses argv[1..] with the command's options and the ones of all; `input` reaches the command's parser. --help and
 * wrong usage end the program.
 */
void command_parse(struct cli *cli, int argc, char **argv, void *input);

void command_usage(const struct screen *screen); /* all commands, a line each */

/* Where the agent of `state_dir` listens; NULL: of this user, or of this machine. False: longer than SOCKET_PATH_SIZE.
 */
bool socket_default(const char *state_dir, char ret_path[SOCKET_PATH_SIZE]);

/* The whole program but for the process: `out` and `err` are where it prints. */
enum exit_code cli_main(int argc, char **argv, FILE *out, FILE *err);

#endif
