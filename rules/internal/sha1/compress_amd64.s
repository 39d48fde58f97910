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
#define FLIP X7
#define SAVED_ABCD X8
#define SAVED_E    X9

#define STEP(f, e, nexte, m, mnext, mprev, mprev2) \
	SHA1NEXTE m, e          \
	MOVO      ABCD, nexte   \
	SHA1MSG2  m, mnext      \
	SHA1RNDS4 $f, e, ABCD   \
	SHA1MSG1  m, mprev      \
	PXOR      m, mprev2

// The words in memory are big-endian, and the first one belongs on top.
DATA flip<>+0(SB)/8, $0x08090a0b0c0d0e0f
DATA flip<>+8(SB)/8, $0x0001020304050607
GLOBL flip<>(SB), RODATA|NOPTR, $16

// func compressNI(state *[5]uint32, block *[64]byte)
TEXT ·compressNI(SB), NOSPLIT, $0-16
	MOVQ state+0(FP), DI
	MOVQ block+8(FP), SI

	MOVOU  (DI), ABCD
	PSHUFD $0x1b, ABCD, ABCD
	PXOR   E0, E0
	PINSRD $3, 16(DI), E0
	MOVO   ABCD, SAVED_ABCD
	MOVO   E0, SAVED_E

	MOVOU  flip<>(SB), FLIP
	MOVOU  (SI), M0
	MOVOU  16(SI), M1
	MOVOU  32(SI), M2
	MOVOU  48(SI), M3
	PSHUFB FLIP, M0
	PSHUFB FLIP, M1
	PSHUFB FLIP, M2
	PSHUFB FLIP, M3

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
	PSHUFD    $0x1b, ABCD, ABCD
	MOVOU     ABCD, (DI)
	PEXTRD    $3, E0, 16(DI)
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
	ANDL $0x00080200, CX // SSE4.1 and SSSE3
	CMPL CX, $0x00080200
	JNE  done

	MOVL $7, AX
	XORL CX, CX
	CPUID
	BTL  $29, BX // SHA
	JCC  done
	MOVB $1, ret+0(FP)

done:
	RET
