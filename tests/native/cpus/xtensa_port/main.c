/* qemu-xtensa -cpu de233_fpu firmware.elf IMAGE CODE
 *
 * Mounts the ROM file system in the file IMAGE as /rom and runs CODE; status 1 if that raises. */
#include <string.h>

#include "py/compile.h"
#include "py/gc.h"
#include "py/runtime.h"
#include "py/stackctrl.h"
#include "extmod/vfs.h"
#include "extmod/vfs_rom.h"
#include "system.h"

#define WINDOWS 16 /* more than there are: 32 or 64 registers in windows of 8 */

static char heap[2 << 20] __attribute__((aligned(16)));
static char *stack_top;

/* The caller's registers are below this function's frame, hence not in the caller itself. */
static __attribute__((noinline)) void collect_stack(void) {
    char *here;
    __asm__ volatile ("addi %0, a1, -16" : "=r" (here)); /* where the caller's a0 to a3 were spilled */
    gc_collect_root((void **)here, (size_t)(stack_top - here) / sizeof(void *));
}

void gc_collect(void) {
    gc_collect_start();
    window_spill(WINDOWS);
    collect_stack();
    gc_collect_end();
}

static void mount(void *image, size_t size) {
    mp_obj_t memory = mp_obj_new_bytearray_by_ref(size, image);
    mp_obj_t arguments[2] = {
        MP_OBJ_TYPE_GET_SLOT(&mp_type_vfs_rom, make_new)(&mp_type_vfs_rom, 1, 0, &memory),
        mp_obj_new_str("/rom", 4),
    };
    mp_vfs_mount(2, arguments, (mp_map_t *)&mp_const_empty_map);
}

static int run(char *image, const char *code) {
    size_t size = 0;
    void *rom = system_read_file(image, &size);
    nlr_buf_t nlr;
    if (nlr_push(&nlr)) {
        mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(nlr.ret_val));
        return 1;
    }
    if (rom == NULL) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("no ROM image"));
    }
    mount(rom, size);
    mp_lexer_t *lexer = mp_lexer_new_from_str_len(MP_QSTR__lt_stdin_gt_, code, strlen(code), 0);
    qstr source = lexer->source_name;
    mp_parse_tree_t tree = mp_parse(lexer, MP_PARSE_FILE_INPUT);
    mp_call_function_0(mp_compile(&tree, source, false));
    nlr_pop();
    return 0;
}

/* The kernel's stack: the number of arguments, then pointers to them. */
void start(long *stack) {
    char **arguments = (char **)(stack + 1);
    stack_top = (char *)stack;
    mp_stack_set_top(stack);
    mp_stack_set_limit(64 * 1024);
    gc_init(heap, heap + sizeof(heap));
    mp_init();
    system_exit(stack[0] == 3 ? run(arguments[1], arguments[2]) : 2);
}
