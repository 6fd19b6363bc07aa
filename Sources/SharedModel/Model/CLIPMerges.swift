import Foundation

/// The file that CLIP's tokenizer is made of, for checkpoints, which carry none.
///
/// It is no part of the program: it comes from the Python package `open_clip_torch` into the program's cache, once.
package enum CLIPMerges {
    /// The package's source archive on PyPI.
    package static let archive =
        "https://files.pythonhosted.org/packages/4a/1f/2bc9795047fa2c1ad2567ef78ce6dfc9a7b763fa534acee09a94da2a5b8f/"
        + "open_clip_torch-3.3.0.tar.gz"
    /// The archive's SHA-256, as PyPI publishes it.
    package static let archiveHash = "904b1a9f909df8281bb3de60ab95491cd2994a509177ea4f9d6292a84fe24d6d"
    /// Where the merges are in the archive, packed once more.
    package static let member = "open_clip_torch-3.3.0/src/open_clip/bpe_simple_vocab_16e6.txt.gz"
    /// The unpacked file's SHA-256. Every host must have the very same tokens.
    package static let hash = "67603cfda2e032ad77b5f8808af37789d590db664b26df8705d2bf8b3c553fc8"

    /// Where the file belongs.
    package static func place(cache: String = CacheFolder.path()) -> String {
        "\(cache)/tokenizer/bpe_simple_vocab_16e6.txt"
    }

    /// The path of the file if this host has it, and it is the right one.
    package static func installed(cache: String = CacheFolder.path()) -> String? {
        let place = place(cache: cache)
        return (try? FileHashes(cache: cache).hash(of: place)) == hash ? place : nil
    }
}
