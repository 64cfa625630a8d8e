/* Where the program begins, and what C cannot say about register windows.
 *
 * A function called with call8 sees its caller's a8 to a15 as a0 to a7. When a caller's registers are spilled,
 * its a0 to a3 go to the 16 bytes below the stack pointer of the function it called, and its a4 to a7 to the
 * 32nd to 17th byte below the stack pointer of its own caller, which is itself in the 16 bytes below its own. */

    .section .text._start, "ax"
    .literal_position
    .align 4
    .global _start
_start:
    movi    a0, 0               /* no caller */
    mov     a6, a1              /* the first argument of what call4 calls */
    movi    a7, -16
    and     a1, a1, a7
    addi    a1, a1, -64
    call4   start
1:  j       1b

/* void window_spill(int depth): each level of the recursion pushes an older window onto the stack. */
    .section .text.window_spill, "ax"
    .align 4
    .global window_spill
window_spill:
    entry   a1, 32
    beqz    a2, 1f
    addi    a10, a2, -1
    call8   window_spill
1:  retw

/* int setjmp(jmp_buf): keeps the caller's a0 to a7 (0..31), where to return to (32) and the stack pointer (36). */
    .section .text.setjmp, "ax"
    .align 4
    .global setjmp
setjmp:
    entry   a1, 32
    movi    a10, 16
    call8   window_spill
    addi    a5, a1, -16         /* the caller's a0 to a3 */
    l32i    a3, a5, 0
    s32i    a3, a2, 0
    l32i    a7, a5, 4           /* a1: its stack pointer */
    s32i    a7, a2, 4
    l32i    a3, a5, 8
    s32i    a3, a2, 8
    l32i    a3, a5, 12
    s32i    a3, a2, 12
    addi    a7, a7, -12
    l32i    a7, a7, 0           /* the stack pointer of its caller */
    addi    a7, a7, -32         /* its a4 to a7 */
    l32i    a3, a7, 0
    s32i    a3, a2, 16
    l32i    a3, a7, 4
    s32i    a3, a2, 20
    l32i    a3, a7, 8
    s32i    a3, a2, 24
    l32i    a3, a7, 12
    s32i    a3, a2, 28
    s32i    a0, a2, 32
    s32i    a1, a2, 36
    movi    a2, 0
    retw

/* void longjmp(jmp_buf, int): puts all of it back where the processor looks when it returns to that caller. */
    .section .text.longjmp, "ax"
    .align 4
    .global longjmp
longjmp:
    entry   a1, 32
    movi    a10, 16
    call8   window_spill
    l32i    a4, a2, 36
    addi    a5, a4, -16
    l32i    a6, a2, 0
    s32i    a6, a5, 0
    l32i    a7, a2, 4
    s32i    a7, a5, 4
    l32i    a6, a2, 8
    s32i    a6, a5, 8
    l32i    a6, a2, 12
    s32i    a6, a5, 12
    addi    a7, a7, -12
    l32i    a7, a7, 0
    addi    a7, a7, -32
    l32i    a6, a2, 16
    s32i    a6, a7, 0
    l32i    a6, a2, 20
    s32i    a6, a7, 4
    l32i    a6, a2, 24
    s32i    a6, a7, 8
    l32i    a6, a2, 28
    s32i    a6, a7, 12
    l32i    a0, a2, 32
    mov     a1, a4              /* every other window is on the stack: no movsp needed */
    movi    a2, 1
    movnez  a2, a3, a3
    retw
