import PNG

/// Why bytes are not the image that was asked for; one sentence for the worker.
struct ImageRefusal: Error, Equatable {
    let reason: String
}

/// Lets through exactly the PNG files of one size that our workers make, while they stream in.
///
/// It checks the signature, the order and the CRC of every chunk, an 8-bit RGB header of the size wanted, that the image
/// data decompresses to exactly the pixels of that size, and that nothing follows the end (PNG specification, third
/// edition, sections 5, 9, 10 and 11). The header, checked at byte 33, bounds what any reader will ever allocate; what is
/// decompressed here is never kept. A file that passes can be opened by everybody, so that it may be acknowledged.
struct PNGGate {
    private enum Part: Equatable {
        case signature
        case header
        case data(left: Int)
        case checksum
        case nothing
    }

    private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    private static let headerBytes = 13
    private static let chunkLimit = 16 * 1024 * 1024

    private let width: Int
    private let height: Int
    private let header: [UInt8]
    private var part = Part.signature
    private var pending: [UInt8] = []
    private var type: [UInt8] = []
    private var crc = CRC32()
    private var hasHeader = false
    /// `nil` before the first IDAT chunk.
    private var data: PNGDataCheck?
    private var dataHasEnded = false

    /// - Parameters:
    ///   - width: In pixels.
    ///   - height: In pixels.
    init(width: Int, height: Int) {
        self.width = width
        self.height = height
        header = Self.bigEndian(width) + Self.bigEndian(height) + [8, 2, 0, 0, 0]
    }

    /// Checks the next bytes of the file.
    ///
    /// - Throws: ``ImageRefusal`` at the first byte that can't belong to the image.
    mutating func check(_ bytes: [UInt8]) throws(ImageRefusal) {
        var rest = bytes[...]
        while let next = rest.first {
            switch part {
            case .signature:
                guard next == Self.signature[pending.count] else { throw refusal("does not begin as a PNG does") }
                collect(&rest, upTo: Self.signature.count)
                if pending.count == Self.signature.count { begin(.header) }
            case .header:
                collect(&rest, upTo: 8)
                if pending.count == 8 { try beginChunk() }
            case .data(let left):
                let piece = rest.prefix(left)
                crc.add(piece)
                if !hasHeader { pending += piece }
                if isNamed("IDAT") { try Self.decompressing { try data?.add(piece) } }
                rest = rest.dropFirst(piece.count)
                part = .data(left: left - piece.count)
                if piece.count == left { try endData() }
            case .checksum:
                collect(&rest, upTo: 4)
                if pending.count == 4 { try endChunk() }
            case .nothing:
                throw refusal("goes on after its end")
            }
        }
    }

    /// Whether the image data has begun: all texts that readers look at have passed.
    var hasImageData: Bool { data != nil }

    /// - Throws: ``ImageRefusal`` unless the file ended where it should.
    func finish() throws(ImageRefusal) {
        guard part == .nothing else { throw refusal("ends in the middle") }
    }

    private mutating func beginChunk() throws(ImageRefusal) {
        let length = pending.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        type = Array(pending.suffix(4))
        crc = CRC32()
        crc.add(type[...])
        guard length <= Self.chunkLimit else { throw refusal("holds a chunk that is too long") }
        try checkOrder(length: length)
        begin(.data(left: length))
        if length == 0 { try endData() }
    }

    private mutating func checkOrder(length: Int) throws(ImageRefusal) {
        let isLetter = type.allSatisfy { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
        guard isLetter else { throw refusal("holds a chunk without a proper name") }
        if !hasHeader {
            guard isNamed("IHDR"), length == Self.headerBytes else { throw refusal("does not begin with its header") }
            return
        }
        if isNamed("IDAT") {
            guard !dataHasEnded else { throw refusal("has its image data in two places") }
            if data == nil { try Self.decompressing { data = try PNGDataCheck(width: width, height: height) } }
            return
        }
        dataHasEnded = data != nil
        if isNamed("IEND") {
            guard data != nil, length == 0 else { throw refusal("ends without image data or with data at its end") }
            try Self.decompressing { try data?.finish() }
            return
        }
        // Lower case marks a chunk that readers may skip: text, time, resolution.
        guard type[0] & 0x20 != 0 else { throw refusal("holds a chunk that no RGB image needs") }
    }

    /// Runs a step on the image data, whose error becomes the file's.
    private static func decompressing(_ step: () throws -> Void) throws(ImageRefusal) {
        do {
            try step()
        } catch {
            throw ImageRefusal(reason: "\(error)")
        }
    }

    private mutating func endData() throws(ImageRefusal) {
        if !hasHeader {
            guard pending == header else { throw refusal("is not an 8-bit RGB image of the cell's size") }
            hasHeader = true
        }
        begin(.checksum)
    }

    private mutating func endChunk() throws(ImageRefusal) {
        let expected = pending.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard crc.value == expected else { throw refusal("is damaged: a checksum does not match") }
        begin(isNamed("IEND") ? .nothing : .header)
    }

    private mutating func begin(_ part: Part) {
        self.part = part
        pending.removeAll(keepingCapacity: true)
    }

    private mutating func collect(_ rest: inout ArraySlice<UInt8>, upTo count: Int) {
        let piece = part == .signature ? rest.prefix(1) : rest.prefix(count - pending.count)
        pending += piece
        rest = rest.dropFirst(piece.count)
    }

    private func isNamed(_ name: StaticString) -> Bool {
        type == name.withUTF8Buffer { Array($0) }
    }

    private func refusal(_ problem: String) -> ImageRefusal {
        ImageRefusal(reason: "The image \(problem).")
    }

    private static func bigEndian(_ side: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt32(clamping: side).bigEndian, Array.init)
    }
}
