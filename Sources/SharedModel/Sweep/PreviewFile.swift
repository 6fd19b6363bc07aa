/// The file whose decoder shows images before they are finished. It decides no pixel of an image.
package struct PreviewFile: Codable, Hashable, Sendable {
    /// What the sweep file calls it.
    package var name: String
    /// SHA-256 of its content, 64 lower-case hexadecimal digits.
    package var fingerprint: String

    package init(name: String, fingerprint: String) {
        self.name = name
        self.fingerprint = fingerprint
    }
}
