/* Refusals, older copies put back at either end, and disks that take nothing. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "desk.h"
#include "store/query.h"

Test(client, a_refused_op_is_kept_with_its_reason_and_not_sent_again)
{
    struct desk desk;
    struct error err;
    struct log_list log;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 3, 20);
    desk.centre.refuses_seq = 2;
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    desk_settle(&desk);
    cr_assert_eq(desk.sends, 1);
    cr_assert_eq(desk_sync(&desk).acked_seq, 3);
    cr_assert_eq(query_log(desk.replica.store, NULL, 0, true, 10, &log, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(log.count, 1);
    cr_assert_eq(log.rows[0].op.seq, 2);
    cr_assert_str_eq(log.rows[0].quarantine, "not allowed here");
    log_list_fini(&log);
    desk_fini(&desk);
}

Test(client, a_centre_put_back_to_an_older_state_is_named_and_gets_its_ops_again)
{
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 9, 20);
    desk_record(&desk, &desk.author, 3, 20);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    desk_settle(&desk);
    cr_assert_eq(desk_sync(&desk).acked_seq, 9);
    small_centre_forget(&desk.centre, 4);
    desk_timer(&desk);
    desk_deliver(&desk, 20);
    cr_assert(desk_status(&desk).centre_lost_ops);
    cr_assert_eq(desk_sync(&desk).acked_seq, 4, "what the centre lost is pending again");
    cr_assert(desk.sending);
    desk_settle(&desk);
    cr_assert_eq(desk.centre.held.count, 9);
    cr_assert_eq(desk_sync(&desk).acked_seq, 9);
    cr_assert_eq(desk_sync(&desk).cursor, 12, "and the stream was read from its beginning");
    cr_assert_not(desk_status(&desk).centre_lost_ops);
    cr_assert_eq(desk_status(&desk).given_again, 5);
    cr_assert_eq(desk_status(&desk).state, CLIENT_IDLE);
    desk_fini(&desk);
}

Test(client, what_a_centre_does_not_take_back_of_others_does_not_count_as_given)
{
    struct desk desk;
    struct error err;
    struct store_declined declined[2];
    size_t count;
    desk_init(&desk);
    desk_record(&desk, &desk.author, 3, 20);
    client_wake(desk.client, CLIENT_WAKE_START);
    desk_settle(&desk);
    cr_assert_eq(desk_sync(&desk).cursor, 3);
    desk.centre.place_count = 0; /* and this small centre takes nothing back */
    desk_timer(&desk);
    desk_settle(&desk);
    cr_assert_eq(store_declined_read(desk.replica.store, declined, ARRAY_LEN(declined), &count, &err), ERR_OK);
    cr_assert_eq(count, 1, "it was offered");
    cr_assert_eq(desk_status(&desk).given_again, 0);
    desk_fini(&desk);
}

Test(client, a_stream_that_ends_before_the_cursor_is_read_from_its_beginning)
{
    struct desk desk;
    struct replica old_author;
    desk_init(&desk);
    desk_record(&desk, &desk.author, 5, 20);
    client_wake(desk.client, CLIENT_WAKE_START);
    desk_settle(&desk);
    cr_assert_eq(desk_sync(&desk).cursor, 5);
    /* the centre as it was before anybody wrote */
    replica_start(&desk.world, &old_author, CERTIFICATE_ROLE_CENTRE);
    desk.centre.author = &old_author;
    desk_timer(&desk);
    desk_settle(&desk);
    cr_assert_eq(desk_status(&desk).last.result, ERR_OK, "%s", desk_status(&desk).last.error.message);
    cr_assert_eq(desk_sync(&desk).cursor, 0);
    desk_record(&desk, &old_author, 2, 20);
    desk_timer(&desk);
    desk_settle(&desk);
    cr_assert_eq(desk_status(&desk).last.ops_received, 2);
    desk.centre.author = &desk.author;
    replica_stop(&old_author);
    desk_fini(&desk);
}

Test(client, a_centre_put_back_whose_positions_stand_for_other_ops_gets_its_ops_again)
{
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 4, 20);
    desk_record(&desk, &desk.author, 5, 20);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    desk_settle(&desk);
    cr_assert_eq(desk_sync(&desk).cursor, 9);
    /* what came after its older state came again in another order: positions stand for other ops */
    small_centre_turn(&desk.centre, 1);
    desk_record(&desk, &desk.author, 5, 20);
    desk_timer(&desk);
    desk_settle(&desk);
    cr_assert_eq(desk_status(&desk).last.result, ERR_OK, "%s", desk_status(&desk).last.error.message);
    cr_assert_eq(desk.centre.held.count, 4);
    cr_assert_eq(desk_sync(&desk).acked_seq, 4);
    cr_assert_eq(desk_sync(&desk).cursor, 14);
    desk_fini(&desk);
}

/* The device's replica is put back to before it recorded anything; the centre knows better. */
static void put_older_copy_back(struct desk *desk)
{
    struct error err;
    desk_client_stop(desk);
    struct vault_unlock unlock = { VAULT_SLOT_KEY_FILE, world_vault_key, VAULT_KEY_FILE_BYTES };
    replica_close_files(&desk->replica);
    static const char *const endings[] = { "", "-wal", ".fresh", ".keys", ".keys.prev" };
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s%s", desk->replica.path, endings[i]);
        (void)remove(path);
    }
    cr_assert_eq(vault_create(desk->replica.path, &unlock, &err), ERR_OK, "%s", err.message);
    replica_open_files(&desk->replica);
    cr_assert_eq(store_identity_write(desk->replica.store, &desk->replica.identity, &err), ERR_OK, "%s", err.message);
    desk_client_start(desk);
}

Test(client, an_older_copy_put_back_gets_its_lost_ops_from_the_centre)
{
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 6, 20);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    desk_settle(&desk);
    put_older_copy_back(&desk);
    cr_assert_eq(desk_sync(&desk).newest_seq, 0);
    client_wake(desk.client, CLIENT_WAKE_START);
    desk_deliver(&desk, 20);
    cr_assert(desk_status(&desk).behind_own_record, "named while the centre does not give them");
    desk.centre.gives_back = true;
    client_wake(desk.client, CLIENT_WAKE_PERSON);
    desk_settle(&desk);
    cr_assert_eq(desk_status(&desk).last.result, ERR_OK, "%s", desk_status(&desk).last.error.message);
    cr_assert_eq(desk_sync(&desk).newest_seq, 6);
    cr_assert_eq(desk_sync(&desk).acked_seq, 6);
    cr_assert_not(desk_status(&desk).behind_own_record);
    desk_fini(&desk);
}

Test(client, an_older_copy_that_is_not_given_the_other_branch_stops_and_loses_nothing)
{
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 3, 20);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    desk_settle(&desk);
    put_older_copy_back(&desk);
    desk_record(&desk, &desk.replica, 4, 20);
    desk.centre.take_ops_max = 3;
    client_wake(desk.client, CLIENT_WAKE_START);
    struct error err;
    struct exchange_request request;
    cr_assert_eq(exchange_request_decode(buf_slice(&desk.sent), &request, &err), ERR_OK);
    request.segment = slice_of("", 0); /* this small centre knows no forks: it only says what it holds */
    buf_clear(&desk.sent);
    cr_assert_eq(exchange_request_encode(&request, &desk.sent, &err), ERR_OK);
    desk_settle(&desk);
    cr_assert_eq(desk_status(&desk).state, CLIENT_STALLED);
    cr_assert_eq(desk_status(&desk).last.result, ERR_HISTORY);
    cr_assert(desk_status(&desk).behind_own_record);
    cr_assert_eq(desk_sync(&desk).newest_seq, 4);
    cr_assert_eq(desk_sync(&desk).acked_seq, 0);
    desk_fini(&desk);
}

Test(client, goes_on_by_itself_when_the_disk_takes_writes_again)
{
    struct desk desk;
    struct rlimit before;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 2, 20);
    desk_record(&desk, &desk.author, 90, 1500);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    /* from here on no file of this process grows: the nearest to a full disk without one */
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit none = { .rlim_cur = 4096, .rlim_max = before.rlim_max };
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    desk_deliver(&desk, 20);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    struct client_status status = desk_status(&desk);
    cr_assert_neq(status.last.result, ERR_OK);
    cr_assert(status.state == CLIENT_STALLED || status.state == CLIENT_BACKOFF);
    cr_assert_leq(desk.timer_ms, 90000);
    cr_assert_eq(desk_sync(&desk).acked_seq, 0, "nothing of the answer was kept");
    desk_timer(&desk);
    desk_settle(&desk);
    cr_assert_eq(desk_status(&desk).last.result, ERR_OK, "%s", desk_status(&desk).last.error.message);
    cr_assert_eq(desk_sync(&desk).acked_seq, 2);
    cr_assert_eq(desk_sync(&desk).cursor, 92);
    desk_fini(&desk);
}

Test(client, asks_on_when_more_ops_were_refused_than_one_answer_tells)
{
    struct desk desk;
    struct error err;
    struct log_list log;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, EXCHANGE_REFUSALS_MAX + 20, 20);
    desk.centre.refuses_all = true;
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    desk_settle(&desk);
    cr_assert_eq(desk_status(&desk).last.result, ERR_OK, "%s", desk_status(&desk).last.error.message);
    cr_assert_eq(desk_sync(&desk).acked_seq, EXCHANGE_REFUSALS_MAX + 20);
    cr_assert_eq(query_log(desk.replica.store, NULL, 0, true, 1000, &log, &err), ERR_OK);
    cr_assert_eq(log.count, EXCHANGE_REFUSALS_MAX + 20);
    log_list_fini(&log);
    desk_fini(&desk);
}
