/* SPDX-License-Identifier: MIT */
/* Which of the C library's wide functions becomes which of wide.h, and which does not compile. wide.h includes this. */
#ifndef WINFSP_WIDE_NAMES_H
#define WINFSP_WIDE_NAMES_H

#ifndef WINFSP_WIDE_H
#error "include <winfsp/winfsp.h>"
#endif

#if defined(__clang__)
#define FSP_WIDE_REFUSED(why) __attribute__((unavailable(why)))
#else
#define FSP_WIDE_REFUSED(why) __attribute__((error(why)))
#endif

/* What the C++ library's inline functions call: no std::wstring of 32 bits by an oversight. clang cannot add this to
 * what is declared. */
#if defined(__cplusplus) && !defined(__clang__)
#define FSP_WIDE_NO_STRINGS(name)                                                                                      \
    extern "C" __typeof__(name) name FSP_WIDE_REFUSED(                                                                 \
        "std::wstring has 32 bits in the C++ library: std::u16string has 16");
FSP_WIDE_NO_STRINGS(wcslen)
FSP_WIDE_NO_STRINGS(wmemcmp)
FSP_WIDE_NO_STRINGS(wmemcpy)
FSP_WIDE_NO_STRINGS(wmemmove)
FSP_WIDE_NO_STRINGS(wmemset)
#undef FSP_WIDE_NO_STRINGS
#endif

/* A C library may have macros of its own. */
#undef wcslen
#undef wcsnlen
#undef wcscpy
#undef wcsncpy
#undef wcpcpy
#undef wcscat
#undef wcsncat
#undef wcscpy_s
#undef wcsncpy_s
#undef wcscat_s
#undef wcsncat_s
#undef wcsdup
#undef _wcsdup
#undef wcscmp
#undef wcscoll
#undef wcsncmp
#undef wcscasecmp
#undef wcsncasecmp
#undef wcschr
#undef wcsrchr
#undef wcsspn
#undef wcscspn
#undef wcspbrk
#undef wcsstr
#undef wcswcs
#undef wcstok
#undef wcstok_s
#undef wmemcpy
#undef wmempcpy
#undef wmemmove
#undef wmemset
#undef wmemcmp
#undef wmemchr
#undef _wcsupr
#undef _wcslwr
#undef towupper
#undef towlower
#undef wcstol
#undef wcstoul
#undef wcstoll
#undef wcstoull
#undef _wcstoi64
#undef _wcstoui64
#undef wcstoimax
#undef wcstoumax
#undef wcstod
#undef wcstof
#undef _wtoi
#undef _wtol
#undef mbstowcs
#undef wcstombs
#undef swprintf
#undef _snwprintf
#undef swprintf_s
#undef vswprintf
#undef _vsnwprintf
#undef wprintf
#undef vwprintf
#undef fwprintf
#undef vfwprintf
#undef fputws

#define wcslen FspWideLength
#define wcsnlen FspWideLengthMost
#define wcscpy FspWideCopy
#define wcsncpy FspWideCopySome
#define wcpcpy FspWideCopyToEnd
#define wcscat FspWideAppend
#define wcsncat FspWideAppendSome
#define wcscpy_s FspWideCopyInto
#define wcsncpy_s FspWideCopySomeInto
#define wcscat_s FspWideAppendTo
#define wcsncat_s FspWideAppendSomeTo
#define wcsdup FspWideDuplicate
#define _wcsdup FspWideDuplicate
#define wcscmp FspWideCompareAll
#define wcscoll FspWideCompareAll
#define wcsncmp FspWideCompareSome
#define wcscasecmp _wcsicmp
#define wcsncasecmp _wcsnicmp
#define wcschr FspWideFind
#define wcsrchr FspWideFindLast
#define wcsspn FspWideSpan
#define wcscspn FspWideSpanOthers
#define wcspbrk FspWideFindAny
#define wcsstr FspWideFindText
#define wcswcs FspWideFindText
#define wcstok FspWideToken
#define wcstok_s FspWideToken
#define wmemcpy FspWideMemoryCopy
#define wmempcpy FspWideMemoryCopyToEnd
#define wmemmove FspWideMemoryMove
#define wmemset FspWideMemorySet
#define wmemcmp FspWideMemoryCompare
#define wmemchr FspWideMemoryFind
#define _wcsupr FspWideToUpper
#define _wcslwr FspWideToLower
#define towupper(Unit) FspLinuxUpper((WCHAR)(Unit))
#define towlower(Unit) FspLinuxLower((WCHAR)(Unit))
#define wcstol FspWideLong
#define wcstoul FspWideUnsignedLong
#define wcstoll FspWideSigned
#define wcstoull FspWideNumber
#define _wcstoi64 FspWideSigned
#define _wcstoui64 FspWideNumber
#define wcstoimax FspWideSigned
#define wcstoumax FspWideNumber
#define wcstod FspWideReal
#define wcstof(Text, PEnd) ((float)FspWideReal((Text), (PEnd)))
#define _wtoi FspWideInteger
#define _wtol FspWideInteger
#define mbstowcs FspWideOfBytes
#define wcstombs FspWideToBytes
#define swprintf FspWideFormat
#define _snwprintf FspWideFormat
#define swprintf_s FspWideFormatInto
#define vswprintf FspWideFormatV
#define _vsnwprintf FspWideFormatV
#define wprintf FspWidePrint
#define vwprintf FspWidePrintOutV
#define fwprintf FspWidePrintTo
#define vfwprintf FspWidePrintV
#define fputws FspWidePut

/* What has no function of 16 bits: calling it does not compile, whatever macros the C library makes of it. */
#ifdef __cplusplus
#define FSP_WIDE_NONE(name)                                                                                            \
    extern "C" int FspWideNo_##name(...)                                                                               \
        FSP_WIDE_REFUSED(#name " is for wchar_t of 32 bits, and has no function for 16");
#else
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#define FSP_WIDE_NONE(name)                                                                                            \
    extern int FspWideNo_##name() FSP_WIDE_REFUSED(#name " is for wchar_t of 32 bits, and has no function for 16");
#endif
FSP_WIDE_NONE(wcpncpy)
FSP_WIDE_NONE(wcslcpy)
FSP_WIDE_NONE(wcslcat)
FSP_WIDE_NONE(wcschrnul)
FSP_WIDE_NONE(wcsxfrm)
FSP_WIDE_NONE(wcswidth)
FSP_WIDE_NONE(wcsftime)
FSP_WIDE_NONE(wcstold)
FSP_WIDE_NONE(mbtowc)
FSP_WIDE_NONE(mbrtowc)
FSP_WIDE_NONE(mbsrtowcs)
FSP_WIDE_NONE(mbsnrtowcs)
FSP_WIDE_NONE(wcsrtombs)
FSP_WIDE_NONE(wcsnrtombs)
FSP_WIDE_NONE(fgetws)
FSP_WIDE_NONE(fgetws_unlocked)
FSP_WIDE_NONE(fputws_unlocked)
FSP_WIDE_NONE(swscanf)
FSP_WIDE_NONE(vswscanf)
FSP_WIDE_NONE(wscanf)
FSP_WIDE_NONE(vwscanf)
FSP_WIDE_NONE(fwscanf)
FSP_WIDE_NONE(vfwscanf)
FSP_WIDE_NONE(open_wmemstream)
FSP_WIDE_NONE(wcscasecmp_l)
FSP_WIDE_NONE(wcsncasecmp_l)
FSP_WIDE_NONE(wcscoll_l)
FSP_WIDE_NONE(wcsxfrm_l)
FSP_WIDE_NONE(wcsftime_l)
FSP_WIDE_NONE(wcstol_l)
FSP_WIDE_NONE(wcstoul_l)
FSP_WIDE_NONE(wcstoll_l)
FSP_WIDE_NONE(wcstoull_l)
FSP_WIDE_NONE(wcstof_l)
FSP_WIDE_NONE(wcstod_l)
FSP_WIDE_NONE(wcstold_l)
FSP_WIDE_NONE(wcstof32)
FSP_WIDE_NONE(wcstof32x)
FSP_WIDE_NONE(wcstof64)
FSP_WIDE_NONE(wcstof64x)
FSP_WIDE_NONE(wcstof128)
FSP_WIDE_NONE(wcstof32_l)
FSP_WIDE_NONE(wcstof32x_l)
FSP_WIDE_NONE(wcstof64_l)
FSP_WIDE_NONE(wcstof64x_l)
FSP_WIDE_NONE(wcstof128_l)
#undef FSP_WIDE_NONE
#ifndef __cplusplus
#pragma GCC diagnostic pop
#endif

#undef wcpncpy
#undef wcslcpy
#undef wcslcat
#undef wcschrnul
#undef wcsxfrm
#undef wcswidth
#undef wcsftime
#undef wcstold
#undef mbtowc
#undef mbrtowc
#undef mbsrtowcs
#undef mbsnrtowcs
#undef wcsrtombs
#undef wcsnrtombs
#undef fgetws
#undef fgetws_unlocked
#undef fputws_unlocked
#undef swscanf
#undef vswscanf
#undef wscanf
#undef vwscanf
#undef fwscanf
#undef vfwscanf
#undef open_wmemstream
#undef wcscasecmp_l
#undef wcsncasecmp_l
#undef wcscoll_l
#undef wcsxfrm_l
#undef wcsftime_l
#undef wcstol_l
#undef wcstoul_l
#undef wcstoll_l
#undef wcstoull_l
#undef wcstof_l
#undef wcstod_l
#undef wcstold_l
#undef wcstof32
#undef wcstof32x
#undef wcstof64
#undef wcstof64x
#undef wcstof128
#undef wcstof32_l
#undef wcstof32x_l
#undef wcstof64_l
#undef wcstof64x_l
#undef wcstof128_l

#define wcslcpy FspWideNo_wcslcpy
#define wcslcat FspWideNo_wcslcat
#define wcpncpy FspWideNo_wcpncpy
#define wcschrnul FspWideNo_wcschrnul
#define wcsxfrm FspWideNo_wcsxfrm
#define wcswidth FspWideNo_wcswidth
#define wcsftime FspWideNo_wcsftime
#define wcstold FspWideNo_wcstold
#define mbtowc FspWideNo_mbtowc
#define mbrtowc FspWideNo_mbrtowc
#define mbsrtowcs FspWideNo_mbsrtowcs
#define mbsnrtowcs FspWideNo_mbsnrtowcs
#define wcsrtombs FspWideNo_wcsrtombs
#define wcsnrtombs FspWideNo_wcsnrtombs
#define fgetws FspWideNo_fgetws
#define fgetws_unlocked FspWideNo_fgetws_unlocked
#define fputws_unlocked FspWideNo_fputws_unlocked
#define swscanf FspWideNo_swscanf
#define vswscanf FspWideNo_vswscanf
#define wscanf FspWideNo_wscanf
#define vwscanf FspWideNo_vwscanf
#define fwscanf FspWideNo_fwscanf
#define vfwscanf FspWideNo_vfwscanf
#define open_wmemstream FspWideNo_open_wmemstream
#define wcscasecmp_l FspWideNo_wcscasecmp_l
#define wcsncasecmp_l FspWideNo_wcsncasecmp_l
#define wcscoll_l FspWideNo_wcscoll_l
#define wcsxfrm_l FspWideNo_wcsxfrm_l
#define wcsftime_l FspWideNo_wcsftime_l
#define wcstol_l FspWideNo_wcstol_l
#define wcstoul_l FspWideNo_wcstoul_l
#define wcstoll_l FspWideNo_wcstoll_l
#define wcstoull_l FspWideNo_wcstoull_l
#define wcstof_l FspWideNo_wcstof_l
#define wcstod_l FspWideNo_wcstod_l
#define wcstold_l FspWideNo_wcstold_l
#define wcstof32 FspWideNo_wcstof32
#define wcstof32x FspWideNo_wcstof32x
#define wcstof64 FspWideNo_wcstof64
#define wcstof64x FspWideNo_wcstof64x
#define wcstof128 FspWideNo_wcstof128
#define wcstof32_l FspWideNo_wcstof32_l
#define wcstof32x_l FspWideNo_wcstof32x_l
#define wcstof64_l FspWideNo_wcstof64_l
#define wcstof64x_l FspWideNo_wcstof64x_l
#define wcstof128_l FspWideNo_wcstof128_l

#undef FSP_WIDE_REFUSED

#endif
