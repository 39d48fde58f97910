//go:build unix && !linux

package testservers

import "syscall"

func sysProcAttr() *syscall.SysProcAttr { return nil }
