import Crypto
import Foundation
import Glibc
import PNG
import SharedModel

/// An image file, read again from the disk and looked at as if it came from a stranger.
struct StoredImage: Sendable {
    let sha256: String
    let bytes: [UInt8]
    /// When the file was last written, in wall time.
    let writtenAt: Date

    /// Reads a file whole.
    ///
    /// - Returns: `nil` when there is none.
    /// - Throws: ``ImageRefusal`` for what can't be an image of a sweep, ``CoordinatorError`` when the disk fails.
    init?(path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        if descriptor < 0, errno == ENOENT { return nil }
        // O_NOFOLLOW makes this of a link.
        if descriptor < 0, errno == ELOOP { throw ImageRefusal(reason: "is a link, and no file of ours is") }
        guard descriptor >= 0 else { throw DurableFile.error(path, "Reading") }
        defer { Glibc.close(descriptor) }
        var information = stat()
        guard fstat(descriptor, &information) == 0 else { throw DurableFile.error(path, "Examining") }
        guard information.st_mode & S_IFMT == S_IFREG, let length = Int(exactly: information.st_size) else {
            throw ImageRefusal(reason: "is no file")
        }
        guard length <= WireLimits.imageBytes else {
            throw ImageRefusal(reason: "is longer than the \(WireLimits.imageBytes) bytes that an image may have")
        }
        var hasFailed = false
        bytes = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            while count < length {
                let part = Glibc.read(descriptor, buffer.baseAddress.map { $0 + count }, length - count)
                if part < 0, errno == EINTR { continue }
                if part < 0 { hasFailed = true }
                guard part > 0 else { return }
                count += part
            }
        }
        if hasFailed { throw DurableFile.error(path, "Reading") }
        sha256 = Hexadecimal.encode(SHA256.hash(data: bytes))
        writtenAt = Date(timeIntervalSince1970: Double(information.st_mtim.tv_sec))
    }

    /// Checks that the bytes are whole and a picture of this size.
    ///
    /// - Throws: ``ImageRefusal``.
    func checkPicture(width: Int, height: Int) throws(ImageRefusal) {
        var gate = PNGGate(width: width, height: height)
        try gate.check(bytes)
        try gate.finish()
    }

    /// What the image says of itself; `nil` when it says nothing, as those of a worker of another make may.
    ///
    /// - Throws: ``ImageRefusal`` when it contradicts itself.
    func metadata() throws(ImageRefusal) -> ImageMetadata? {
        try Self.metadata(in: bytes)
    }

    /// What an image says of itself before its image data.
    ///
    /// - Parameter bytes: The file up to there, or further.
    /// - Returns: `nil` when it says nothing.
    /// - Throws: ``ImageRefusal`` when it contradicts itself.
    static func metadata(in bytes: [UInt8]) throws(ImageRefusal) -> ImageMetadata? {
        do {
            let texts = try PNGText.read(from: bytes)
            guard let chunk = texts.first(where: { $0.keyword == ImageMetadata.keyword }) else { return nil }
            return try ImageMetadata(json: chunk.text)
        } catch {
            throw ImageRefusal(reason: "\(error)")
        }
    }
}
