/*
 * sync/edge/send_ahead - how much is on its way at a time over a slow line.
 *
 *     a request ends ──► send_ahead_learn: how fast the line took it, by the kernel's clock
 *     the next begins, a socket opens ──► send_ahead_fit
 *
 * TCP sends as much as the other side's window and its own send buffer allow. At 32 kbit/s ten packets wait for four
 * seconds for each other, in the kernel or in the modem, and the time after which TCP sends again what was lost is a
 * multiple of that wait (RFC 6298, 2.3), doubled each time it is lost again (5.5): a packet that is lost three times
 * holds up everything behind it for half a minute. With a send buffer of SEND_AHEAD_BYTES four packets are on their way
 * at a time: enough for three of them to tell of one that was lost (RFC 5681, 3.2), and as much as a line of
 * SEND_SLOW_BYTES_S carries in half a second. Linux 6.15 and later also bound the time for sending again: to what the
 * line needs for SEND_AGAIN_BYTES, which is more than is ever on its way.
 *
 * Layer: edge.
 */
#ifndef SYNC_EDGE_SEND_AHEAD_H
#define SYNC_EDGE_SEND_AHEAD_H

#include <stdint.h>

#define SEND_AHEAD_BYTES 4608 /* of SO_SNDBUF, which Linux doubles for what it keeps beside the data (socket(7)) */
#define SEND_AGAIN_BYTES 8192
#define SEND_AGAIN_MIN_MS 2000
#define SEND_SLOW_BYTES_S 12000
#define SEND_TELLING_BYTES 8192 /* less says more of the round trip than of the line */

/*
 * `sent` bytes kept the connection busy for so long. What a slow line carries, in bytes a second; 0: it is not slow. A
 * request that says nothing leaves `known`.
 */
uint32_t send_ahead_learn(uint32_t known, uint64_t sent, uint64_t busy_us);
/* For a line that carries so much; 0: as much as the machine allows (net.core.wmem_max). */
void send_ahead_fit(int fd, uint32_t bytes_s);

#endif
