/* callboard_line: what MicroPython's console lacks, many bytes at once without waiting.
 *
 *     n = take(buf, off, n)      at buf[off:] what there is now, at most n; ends behind a byte 0x03
 *
 * In Python a byte takes 70 µs on an RP2040, which is a third of a call's time (callboard/port.py). */
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"

#define CTRL_C 3

static mp_obj_t line_take(mp_obj_t buf, mp_obj_t offset, mp_obj_t most) {
    mp_buffer_info_t into;
    mp_get_buffer_raise(buf, &into, MP_BUFFER_WRITE);
    mp_uint_t off = (mp_uint_t)mp_obj_get_int(offset);
    mp_uint_t max = (mp_uint_t)mp_obj_get_int(most);
    if (off > into.len || max > into.len - off) {
        mp_raise_ValueError(NULL);
    }
    mp_uint_t n = 0;
    while (n < max && mp_hal_stdio_poll(MP_STREAM_POLL_RD)) {
        uint8_t byte = (uint8_t)mp_hal_stdin_rx_chr();
        ((uint8_t *)into.buf)[off + n++] = byte;
        if (byte == CTRL_C) {
            break;
        }
    }
    return MP_OBJ_NEW_SMALL_INT(n);
}
static MP_DEFINE_CONST_FUN_OBJ_3(line_take_obj, line_take);

static const mp_rom_map_elem_t line_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_callboard_line) },
    { MP_ROM_QSTR(MP_QSTR_take), MP_ROM_PTR(&line_take_obj) },
};
static MP_DEFINE_CONST_DICT(line_globals, line_globals_table);

const mp_obj_module_t callboard_line_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&line_globals,
};
MP_REGISTER_MODULE(MP_QSTR_callboard_line, callboard_line_module);

/* The port's main() calls these even where there are no such classes. */
void machine_pwm_deinit_all(void);
void machine_uart_deinit_all(void);
void machine_pwm_deinit_all(void) {
}
void machine_uart_deinit_all(void) {
}
