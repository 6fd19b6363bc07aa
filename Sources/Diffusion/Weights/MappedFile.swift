import Glibc

/// A file's bytes, mapped read-only for as long as the object lives.
///
/// Pages are read when first touched and shared by all processes that map the file, so that a second worker on the same
/// host loads a model at memory speed. The file must not be truncated while it is mapped: the kernel would answer with
/// SIGBUS; model files are therefore replaced by renaming, as every download tool does.
final class MappedFile: @unchecked Sendable {
    // Sendable because the memory is never written and lives until deinit.
    private let bytes: UnsafeRawBufferPointer
    /// Where the file is, for messages.
    let path: String

    /// Maps the regular file at `path`.
    ///
    /// - Throws: ``DiffusionError/missingFile(path:remedy:)`` or ``DiffusionError/unreadableFile(path:reason:)``.
    init(path: String) throws(DiffusionError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            guard errno == ENOENT else { throw Self.unreadable(path) }
            throw .missingFile(path: path, remedy: "check the model's path")
        }
        // The mapping outlives its descriptor.
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.unreadable(path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .unreadableFile(path: path, reason: "it is not a regular file")
        }
        let count = Int(status.st_size)
        if count == 0 {
            // An empty range cannot be mapped.
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
        } else {
            let address = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
            guard let address, address != MAP_FAILED else { throw Self.unreadable(path) }
            bytes = UnsafeRawBufferPointer(start: address, count: count)
        }
        self.path = path
    }

    deinit {
        if let address = bytes.baseAddress {
            munmap(UnsafeMutableRawPointer(mutating: address), bytes.count)
        }
    }

    /// Size of the file in bytes.
    var count: Int { bytes.count }

    /// Lends the bytes of `range`, which must lie in the file, for the time of the call.
    func withBytes<Result>(in range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "range outside of the mapped file")
        return body(UnsafeRawBufferPointer(rebasing: bytes[range]))
    }

    /// Gives the memory of whole pages of `range` back; whoever reads them again gets them from the system's cache.
    func releasePages(in range: Range<Int>) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        guard let address = bytes.baseAddress, page > 0 else { return }
        let first = (range.lowerBound + page - 1) / page * page
        let end = range.upperBound / page * page
        if first < end { madvise(UnsafeMutableRawPointer(mutating: address + first), end - first, MADV_DONTNEED) }
    }

    private static func unreadable(_ path: String) -> DiffusionError {
        .unreadableFile(path: path, reason: String(cString: strerror(errno)))
    }
}
