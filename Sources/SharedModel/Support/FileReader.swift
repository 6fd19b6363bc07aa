import Foundation

/// Reads files whose size is not to be trusted.
enum FileReader {
    /// Reads all of a file.
    ///
    /// - Throws: ``SharedModelError/tooLong(path:limit:)`` once more than `limit` bytes have come.
    static func contents(of path: String, limit: Int) throws -> [UInt8] {
        var contents: [UInt8] = []
        try forEachPiece(of: path) { piece in
            guard contents.count + piece.count <= limit else {
                throw SharedModelError.tooLong(path: path, limit: limit)
            }
            contents.append(contentsOf: piece)
        }
        return contents
    }

    /// Hands the bytes of a file to `body`, 1 MiB at a time.
    static func forEachPiece(of path: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SharedModelError.unreadable(path: path, reason: reason(of: errno)) }
        defer { close(descriptor) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SharedModelError.unreadable(path: path, reason: reason(of: errno)) }
            guard count > 0 else { return }
            try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// The system's words for an error number, in lower case to stand inside a sentence.
    private static func reason(of code: Int32) -> String {
        String(cString: strerror(code)).lowercased()
    }
}
