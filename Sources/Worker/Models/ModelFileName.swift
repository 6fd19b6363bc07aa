/// A file of a model as a coordinator names it, understood part by part.
///
/// The text itself is never used as a path: what is not one of the few folders of a model, or holds anything but
/// letters, digits and single dots, dashes and underscores, is no name.
struct ModelFileName: Hashable, Sendable {
    /// The folders that a model may have.
    enum Folder: String, CaseIterable, Sendable {
        case scheduler
        case textEncoder = "text_encoder"
        case textEncoder2 = "text_encoder_2"
        case tokenizer
        case tokenizer2 = "tokenizer_2"
        case unet
        case vae
    }

    private static let longest = 128

    /// `nil`: at the top.
    let folder: Folder?
    let file: String

    /// - Returns: `nil` for what can't be a file of a model.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let file = parts.last, Self.isFile(file) else { return nil }
        if parts.count == 2 {
            guard let folder = Folder(rawValue: String(parts[0])) else { return nil }
            self.folder = folder
        } else {
            folder = nil
        }
        self.file = String(file)
    }

    /// Relative to the model's folder, made of checked parts.
    var path: String {
        folder.map { "\($0.rawValue)/\(file)" } ?? file
    }

    private static func isFile(_ text: Substring) -> Bool {
        let bytes = text.utf8
        guard (1...longest).contains(bytes.count), bytes.first != UInt8(ascii: "."), !text.contains("..") else {
            return false
        }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default:
                false
            }
        }
    }
}
