# Whoever calibrates has AVX2 at least, and each instruction set takes the compiler a minute of
# core/reduce/accumulators.cc. Highway 1.0 (Debian 12) compiles three: scalar, AVX2 and AVX3
# (AVX-512). Highway 1.2 (Debian 13) would compile eight, in minutes and with 2 GB of memory: it
# adds SSE2 and the AVX-512 of three more processors, which have nothing for minima and maxima.
# So these are switched off, and both versions compile the same three.
# Names that the installed Highway lacks are left out: the macro stands in C++ expressions, too.
set(calipers_hwy_disabled HWY_SSSE3 HWY_SSE4)
set(calipers_hwy_definitions)
find_path(CALIPERS_HWY_INCLUDE_DIR hwy/detect_targets.h REQUIRED)
mark_as_advanced(CALIPERS_HWY_INCLUDE_DIR)
file(STRINGS ${CALIPERS_HWY_INCLUDE_DIR}/hwy/detect_targets.h calipers_hwy_newer
  REGEX "^#define HWY_(SSE2|AVX3_ZEN4|AVX3_SPR|AVX10_2) ")
if(calipers_hwy_newer)
  list(TRANSFORM calipers_hwy_newer REPLACE "^#define (HWY_[A-Z0-9_]+) .*" "\\1")
  list(APPEND calipers_hwy_disabled HWY_AVX3_DL ${calipers_hwy_newer})
  # Scalar code in place of an emulation of 128-bit vectors, as with GCC 12.
  set(calipers_hwy_definitions HWY_BROKEN_EMU128=1)
endif()
list(JOIN calipers_hwy_disabled "|" calipers_hwy_disabled)

# calipers_core_settings(TARGET): what the core's sources are compiled with, wherever they are.
function(calipers_core_settings target)
  target_compile_definitions(${target} PUBLIC
    "HWY_DISABLED_TARGETS=(${calipers_hwy_disabled})" ${calipers_hwy_definitions})
  # A fused multiply-add would round once where the reference rounds twice.
  target_compile_options(${target} PRIVATE -ffp-contract=off)
endfunction()
