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
