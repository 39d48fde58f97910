// Empty: with it, the compiler takes the functions of reseed.go, which have no bodies.
