calipers_test(dtype_test SOURCES dtype_test.cc LIBS calipers_core)
calipers_test(element_test SOURCES element_test.cc LIBS calipers_core)
calipers_test(record_test SOURCES record_test.cc LIBS calipers_core)
calipers_test(reducer_test SOURCES reducer_test.cc LIBS calipers_core hwy::hwy)
