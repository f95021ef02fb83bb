calipers_test(base_name_test SOURCES base_name_test.cc LIBS calipers_core)
calipers_test(element_load_test SOURCES element_load_test.cc LIBS calipers_core)
calipers_test(fold_arithmetic_test SOURCES fold_arithmetic_test.cc LIBS calipers_core)
# The restated averages must round twice where the core does.
target_compile_options(fold_arithmetic_test PRIVATE -ffp-contract=off)
calipers_test(geometry_test SOURCES geometry_test.cc LIBS calipers_core)
calipers_test(observer_test SOURCES observer_test.cc LIBS calipers_core)
target_compile_options(observer_test PRIVATE -ffp-contract=off)
calipers_test(quantization_args_test SOURCES quantization_args_test.cc LIBS calipers_core)
