//go:build !purego

#include "textflag.h"

// Each step below is four rounds. What it needs from others is prepared in the
// steps before it, as the message words of step i come from those of steps i-4
// to i-1:
//
//	SHA1NEXTE  e of this step: the former a, rotated, plus the message words
//	MOVO       a of this step is e of the next
//	SHA1MSG2   ends the words of the next step
//	SHA1RNDS4  the four rounds, with the function and constant of their quarter
//	SHA1MSG1   begins the words of the step after the next two
//	PXOR       continues those of the step after the next
#define ABCD X0
#define E0   X1
#define E1   X2
#define M0   X3
#define M1   X4
#define M2   X5
#define M3   X6
#define SAVED_ABCD X7
#define SAVED_E    X8

#define STEP(f, e, nexte, m, mnext, mprev, mprev2) \
	SHA1NEXTE m, e          \
	MOVO      ABCD, nexte   \
	SHA1MSG2  m, mnext      \
	SHA1RNDS4 $f, e, ABCD   \
	SHA1MSG1  m, mprev      \
	PXOR      m, mprev2

// The state before the first block (FIPS 180-4, 5.3.1), its first word on top.
DATA initial<>+0(SB)/8, $0x98badcfe10325476
DATA initial<>+8(SB)/8, $0x67452301efcdab89
DATA initial<>+16(SB)/8, $0
DATA initial<>+24(SB)/8, $0xc3d2e1f000000000
GLOBL initial<>(SB), RODATA|NOPTR, $32

// The words are loaded as they were stored, eight bytes at a time: the processor
// waits for what it has to join from two stores.
#define LOAD(at, m) \
	MOVQ   (at+8)(SI), m    \
	PINSRQ $1, at(SI), m

// func sumNI(words []uint64) uint64
TEXT ·sumNI(SB), NOSPLIT, $0-32
	MOVQ  words_base+0(FP), SI
	MOVQ  words_len+8(FP), CX
	MOVOU initial<>+0(SB), ABCD
	MOVOU initial<>+16(SB), E0

block:
	MOVO ABCD, SAVED_ABCD
	MOVO E0, SAVED_E
	LOAD(0, M0)
	LOAD(16, M1)
	LOAD(32, M2)
	LOAD(48, M3)

	// Steps 0 to 2 have no words to end yet.
	PADDD     M0, E0
	MOVO      ABCD, E1
	SHA1RNDS4 $0, E0, ABCD

	SHA1NEXTE M1, E1
	MOVO      ABCD, E0
	SHA1RNDS4 $0, E1, ABCD
	SHA1MSG1  M1, M0

	SHA1NEXTE M2, E0
	MOVO      ABCD, E1
	SHA1RNDS4 $0, E0, ABCD
	SHA1MSG1  M2, M1
	PXOR      M2, M0

	STEP(0, E1, E0, M3, M0, M2, M1)
	STEP(0, E0, E1, M0, M1, M3, M2)
	STEP(1, E1, E0, M1, M2, M0, M3)
	STEP(1, E0, E1, M2, M3, M1, M0)
	STEP(1, E1, E0, M3, M0, M2, M1)
	STEP(1, E0, E1, M0, M1, M3, M2)
	STEP(1, E1, E0, M1, M2, M0, M3)
	STEP(2, E0, E1, M2, M3, M1, M0)
	STEP(2, E1, E0, M3, M0, M2, M1)
	STEP(2, E0, E1, M0, M1, M3, M2)
	STEP(2, E1, E0, M1, M2, M0, M3)
	STEP(2, E0, E1, M2, M3, M1, M0)
	STEP(3, E1, E0, M3, M0, M2, M1)
	STEP(3, E0, E1, M0, M1, M3, M2)

	// Steps 17 to 19 have no words to begin any more.
	SHA1NEXTE M1, E1
	MOVO      ABCD, E0
	SHA1MSG2  M1, M2
	SHA1RNDS4 $3, E1, ABCD
	PXOR      M1, M3

	SHA1NEXTE M2, E0
	MOVO      ABCD, E1
	SHA1MSG2  M2, M3
	SHA1RNDS4 $3, E0, ABCD

	SHA1NEXTE M3, E1
	MOVO      ABCD, E0
	SHA1RNDS4 $3, E1, ABCD

	SHA1NEXTE SAVED_E, E0
	PADDD     SAVED_ABCD, ABCD

	ADDQ $64, SI
	SUBQ $8, CX
	JNZ  block

	PEXTRQ $1, ABCD, AX
	MOVQ   AX, ret+24(FP)
	RET

// func detect() bool
TEXT ·detect(SB), NOSPLIT, $0-1
	MOVB $0, ret+0(FP)
	XORL AX, AX
	XORL CX, CX
	CPUID
	CMPL AX, $7
	JLT  done

	MOVL $1, AX
	XORL CX, CX
	CPUID
	BTL  $19, CX // SSE4.1
	JCC  done

	MOVL $7, AX
	XORL CX, CX
	CPUID
	BTL  $29, BX // SHA
	JCC  done
	MOVB $1, ret+0(FP)

done:
	RET
