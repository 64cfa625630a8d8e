/* What a packet says about itself. */
#include "opus.h"
#include "opus_core.h"
#include "packet.h"
#include "state.h"

#define MAX_FRAMES 48 /* of 2.5 ms in 120 ms */

/* Frames in a packet, and the bytes of the first one; CBO_EPACKET if it is none. */
static int32_t parse(const uint8_t *packet, int32_t n, int32_t *first_size) {
    opus_int16 sizes[MAX_FRAMES];
    int frames = n > 0 ? opus_packet_parse(packet, n, NULL, NULL, sizes, NULL) : 0;
    if (frames <= 0) {
        return CBO_EPACKET;
    }
    *first_size = sizes[0];
    return frames;
}

int32_t cbo_packet_samples(const uint8_t *packet, int32_t n, int32_t rate) {
    int32_t first_size;
    int32_t frames = parse(packet, n, &first_size);
    return frames > 0 ? frames * opus_packet_get_samples_per_frame(packet, rate) : frames;
}

/* RFC 6716 table 2: the first bits of the first byte. */
static int32_t mode(uint8_t toc) {
    return toc & 0x80 ? CBO_CELT : (toc & 0x60) == 0x60 ? CBO_HYBRID : CBO_SILK;
}

int32_t cbo_packet_info(const uint8_t *data, size_t data_size, int32_t off, int32_t n, int32_t rate,
    uint8_t *info, size_t info_size) {
    if (!cb_fits(data_size, off, n) || !cbo_rate_ok(rate) || info_size < 4 * CBO_INFO) {
        return CB_ERANGE;
    }
    const uint8_t *packet = data + off;
    int32_t first_size;
    int32_t frames = parse(packet, n, &first_size);
    if (frames < 0) {
        return frames;
    }
    int32_t frame = opus_packet_get_samples_per_frame(packet, rate);
    /* libopus looks at the first frame's first byte even if the frame has none. */
    int fec = first_size > 0 && opus_packet_has_lbrr(packet, n) > 0;
    const int32_t values[CBO_INFO] = { frames, frame, opus_packet_get_nb_channels(packet),
        opus_packet_get_bandwidth(packet), mode(packet[0]), fec };
    for (int i = 0; i < CBO_INFO; i++) {
        cb_set_info(info, i, values[i]);
    }
    return frames * frame;
}
