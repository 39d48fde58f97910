package testservers

import "syscall"

// The kernel kills it when the thread that started it ends, which Go keeps unless a
// goroutine is locked to it.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
