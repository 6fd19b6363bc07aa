#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Memory of the processor, aligned to a cache line; goes back by `free`.
enum CPUMemory {
    /// What large pages hold on most processors.
    private static let largePage = 2 << 20

    /// Memory for so many bytes; `nil` when there is none.
    ///
    /// Large amounts lie in large pages where the system has them: the kernels walk through many rows at once, each in a page
    /// of its own, and fresh memory costs one fault a page.
    static func allocate(_ bytes: Int) -> UnsafeMutablePointer<Float>? {
        let isLarge = bytes >= largePage
        var memory: UnsafeMutableRawPointer?
        guard posix_memalign(&memory, isLarge ? largePage : 64, max(bytes, 64)) == 0 else { return nil }
        #if os(Linux)
            // Whole pages only: what follows the last belongs to others. A refusal changes nothing but the speed.
            if isLarge, let memory { madvise(memory, bytes / largePage * largePage, MADV_HUGEPAGE) }
        #endif
        return memory?.bindMemory(to: Float.self, capacity: max(bytes, 64) / MemoryLayout<Float>.stride)
    }
}
