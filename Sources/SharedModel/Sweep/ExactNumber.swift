package import Foundation

/// A decimal number with at most nine places, kept as a whole number of billionths: sums and ranges of it are exact.
///
/// 5.1, 5.2 … have no exact binary fractions; a range that adds steps in floating point loses or gains an end.
package struct ExactNumber: Hashable, Sendable {
    /// Nine places behind the point; with at most 20 digits before it, sums stay far inside 128 bits.
    let billionths: Int128

    /// Places behind the point that are kept.
    static let places = 9
    /// 10 to the power of ``places``.
    static let unit: Int128 = 1_000_000_000
    private static let maximumWholeDigits = 20

    init(billionths: Int128) {
        self.billionths = billionths
    }

    /// Reads digits with an optional sign and an optional point; no exponent, no separators, no `.inf`, no `.nan`.
    ///
    /// - Parameters:
    ///   - text: The number as a person wrote it.
    ///   - key: What the number is for, to be named in the error.
    /// - Throws: ``SweepProblem/notANumber(key:_:)`` or ``SweepProblem/tooManyPlaces(key:_:limit:)``.
    package init(_ text: String, key: String) throws(SweepProblem) {
        var digits = Array(text.utf8)[...]
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative || digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
        let point = digits.firstIndex(of: UInt8(ascii: ".")) ?? digits.endIndex
        let whole = digits[..<point].drop { $0 == UInt8(ascii: "0") }
        var fraction = digits[point...].dropFirst()
        guard digits.count > (point == digits.endIndex ? 0 : 1), (whole + fraction).allSatisfy(Self.isDigit),
            whole.count <= Self.maximumWholeDigits
        else { throw .notANumber(key: key, text) }
        while fraction.last == UInt8(ascii: "0") { fraction.removeLast() }
        guard fraction.count <= Self.places else { throw .tooManyPlaces(key: key, text, limit: Self.places) }
        fraction += Array(repeating: UInt8(ascii: "0"), count: Self.places - fraction.count)
        let magnitude = (whole + fraction).reduce(Int128(0)) { $0 * 10 + Int128($1 - UInt8(ascii: "0")) }
        billionths = isNegative ? -magnitude : magnitude
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    var isWhole: Bool { billionths.isMultiple(of: Self.unit) }

    /// The part before the point.
    var whole: Int128 { billionths / Self.unit }

    /// The number as Foundation's decimal, without trailing zeros.
    package var decimal: Decimal {
        var digits = billionths.magnitude
        var exponent = -Self.places
        while exponent < 0, digits.isMultiple(of: 10) {
            digits /= 10
            exponent += 1
        }
        let high = Decimal(UInt64(digits / 10_000_000_000_000_000_000))
        let low = Decimal(UInt64(digits % 10_000_000_000_000_000_000))
        let significand = high * Decimal(10_000_000_000_000_000_000 as UInt64) + low
        return Decimal(sign: billionths < 0 ? .minus : .plus, exponent: exponent, significand: significand)
    }
}

extension ExactNumber: Comparable {
    package static func < (first: ExactNumber, second: ExactNumber) -> Bool {
        first.billionths < second.billionths
    }
}

extension ExactNumber: CustomStringConvertible {
    package var description: String { decimal.canonicalText }
}
