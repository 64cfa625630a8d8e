/* Packets from outside, checked before libopus' decoder sees them. */
#ifndef CALLBOARD_OPUS_PACKET_H
#define CALLBOARD_OPUS_PACKET_H

#include <stdint.h>

/* Samples per channel at `rate` of a packet of n bytes, CBO_EPACKET if it is none (RFC 6716 §3.4). */
int32_t cbo_packet_samples(const uint8_t *packet, int32_t n, int32_t rate);

#endif
