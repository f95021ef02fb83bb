# calipers_core_settings(TARGET): what the core's sources are compiled with, wherever they are.
function(calipers_core_settings target)
  # Whoever calibrates has AVX2 at least, and each instruction set takes a minute to
  # compile; without it the scalar one runs.
  target_compile_definitions(${target} PUBLIC "HWY_DISABLED_TARGETS=(HWY_SSSE3|HWY_SSE4)")
  # A fused multiply-add would round once where the reference rounds twice.
  target_compile_options(${target} PRIVATE -ffp-contract=off)
endfunction()
