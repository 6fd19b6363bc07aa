/// Width and height of an image in pixels.
package struct ImageSize: Hashable, Sendable {
    package var width: Int
    package var height: Int

    /// Lengths that both sides of an image may have; the VAE works on blocks of 8 x 8 pixels.
    package static let sides = 64...4096
    /// Every side is a multiple of this.
    package static let multiple = 8

    /// Reads `WIDTHxHEIGHT`, as in `512x768`.
    package init(_ text: String) throws(SweepProblem) {
        let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { side in
            side.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(side) : nil
        }
        guard sides.count == 2, let width = sides[0], let height = sides[1] else { throw .notASize(text) }
        guard [width, height].allSatisfy({ Self.sides.contains($0) && $0.isMultiple(of: Self.multiple) }) else {
            throw .sizeOutOfBounds(text)
        }
        self.width = width
        self.height = height
    }

    package init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }
}

extension ImageSize: CustomStringConvertible {
    package var description: String { "\(width)x\(height)" }
}
