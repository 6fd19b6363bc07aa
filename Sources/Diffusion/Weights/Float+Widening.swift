extension Float {
    /// The value of an IEEE 754 half-precision number.
    ///
    /// Works on bits and has no branch, so that a loop over it is vectorised on every x86-64; a cast through `Float16` would
    /// be a library call for each number where the F16C instructions may not be assumed. A subnormal is made by subtracting
    /// the implied one, because the flush-to-zero mode that inference may run in would eat it otherwise.
    @inline(__always)
    init(float16BitPattern pattern: UInt16) {
        let sign = UInt32(pattern & 0x8000) << 16
        let magnitude = UInt32(pattern & 0x7FFF) << 13
        // The exponent's bias is 15 in half and 127 in single precision.
        let normal = magnitude &+ 112 << 23
        let implied = UInt32(113) << 23
        let subnormal = (Float(bitPattern: magnitude &+ implied) - Float(bitPattern: implied)).bitPattern
        let infiniteOrNaN = magnitude | 0x7F80_0000
        let finite = magnitude < 1 << 23 ? subnormal : normal
        self.init(bitPattern: sign | (magnitude < 31 << 23 ? finite : infiniteOrNaN))
    }

    /// The value of a bfloat16 number, which is the upper half of a single-precision one.
    @inline(__always)
    init(bfloat16BitPattern pattern: UInt16) {
        self.init(bitPattern: UInt32(pattern) << 16)
    }
}
