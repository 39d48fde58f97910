//go:build wasip1 && wasm && !hogflags_small

package main

import _ "time/tzdata" // there is no file to read a time zone from
