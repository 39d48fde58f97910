// Package oracle holds two slow evaluators that package rules is tested against.
//
// Evaluate is the rule "answer only what every possible world agrees on",
// written as literally as it can be: it walks a flag's conditions with the set
// of everything that may still happen. Serve is the server itself: it knows the
// whole world and walks the same conditions with plain booleans. Generate makes
// projects and subjects whose filters and properties interact, and Complete
// draws a world for one call, so that the three together are a differential
// test: whatever Evaluate decides, Serve has to answer in every world drawn.
//
// Nothing here is compiled, cached or shared with package rules. Definitions
// are read as generic JSON, at each evaluation, and clarity is worth more
// than speed.
package oracle
