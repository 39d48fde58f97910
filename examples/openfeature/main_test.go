package main

func Example() {
	main()
	// Output:
	// true control error code: TYPE_MISMATCH: flag "pricing-page": the variant "control" is no whole number of 64 bits
	// checkout feature_flag.evaluation
	//   feature_flag.context.id = ada
	//   feature_flag.key = pro-export
	//   feature_flag.provider.name = hogflags
	//   feature_flag.result.reason = targeting_match
	//   feature_flag.result.value = true
	// checkout feature_flag.evaluation
	//   feature_flag.context.id = ada
	//   feature_flag.key = pricing-page
	//   feature_flag.provider.name = hogflags
	//   feature_flag.result.reason = targeting_match
	//   feature_flag.result.variant = control
	// checkout feature_flag.evaluation
	//   error.message = flag "pricing-page": the variant "control" is no whole number of 64 bits
	//   error.type = type_mismatch
	//   feature_flag.context.id = ada
	//   feature_flag.key = pricing-page
	//   feature_flag.provider.name = hogflags
	//   feature_flag.result.reason = error
	//   feature_flag.result.value = 3
}
