import SharedModel

/// A finished image that waits for its acknowledgement: all that an offer says, in front of the image in its file.
struct SpoolEntry: Codable, Equatable, Sendable {
    /// The grant under which it was rendered.
    var lease: LeaseID
    var cell: CellKey
    /// SHA-256 of the PNG file, 64 lower-case hexadecimal digits.
    var sha256: String
    /// Length of the PNG file.
    var bytes: Int
    var timings: Timings

    var offer: Offer {
        Offer(lease: lease, cell: cell, sha256: sha256, bytes: bytes, timings: timings)
    }
}

extension Timings {
    /// The same times within the bounds of an offer: a host that slept in the middle of an image counts its sleep too,
    /// and an offer out of bounds could never be sent.
    var bounded: Timings {
        func bound(_ seconds: Double) -> Double {
            seconds.isNaN ? 0 : min(max(seconds, 0), WireLimits.seconds)
        }
        return Timings(encode: bound(encode), denoise: bound(denoise), decode: bound(decode), png: bound(png))
    }
}
