// The one EXIF tag that changes where pixels belong.
#pragma once

#include <cstdint>
#include <span>

namespace stoker {

// Orientation 1..8 from a TIFF block (what follows "Exif\0\0" in a JPEG's APP1, or a PNG's eXIf chunk).
// 1 where the block is damaged or has no valid orientation: a broken EXIF block does not make pixels bad.
int exif_orientation(std::span<const uint8_t> tiff);

}  // namespace stoker
