/* SPDX-License-Identifier: MIT */
/*
 * A file system of WinFsp's API for C++ (winfsp.hpp): one folder of files in memory. It throws where it is told to:
 * opening the file "unknown" throws a number, reading a file that says "throw" throws a std::exception.
 *
 *     winfsp-class MOUNT-POINT [PREFIX]
 */
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>

#include <stdio.h>
#include <string.h>

#include <winfsp/winfsp.hpp>

namespace {

struct File {
    std::string Data;
    UINT64 Index;
};

/* What an opening is: its file, and how much of it was read. */
struct Opening {
    std::shared_ptr<File> Of;
    PVOID Names = nullptr;
};

std::string Narrow(PCWSTR Text) {
    std::string Narrowed;
    for (; *Text; Text++)
        Narrowed += static_cast<char>(*Text);
    return Narrowed;
}

class Folder : public Fsp::FileSystemBase {
  public:
    NTSTATUS Init(PVOID Host) override {
        WCHAR Name[8];
        static_cast<Fsp::FileSystemHost *>(Host)->SetFileSystemName(Fsp::Widen(Name, 8, "CLASS"));
        return STATUS_SUCCESS;
    }
    NTSTATUS Mounted(PVOID Host) override {
        printf("mounted at %s\n", Narrow(static_cast<Fsp::FileSystemHost *>(Host)->MountPoint()).c_str());
        return STATUS_SUCCESS;
    }
    VOID Unmounted(PVOID) override {
        printf("unmounted\n");
    }
    VOID DispatcherStopped(BOOLEAN Normally) override {
        printf("stopped %d\n", Normally);
    }

    NTSTATUS ExceptionHandler() override {
        try {
            throw;
        } catch (const std::bad_alloc &) {
            return STATUS_INSUFFICIENT_RESOURCES;
        } catch (const std::out_of_range &) {
            return STATUS_OBJECT_NAME_NOT_FOUND;
        } catch (...) {
            return FileSystemBase::ExceptionHandler();
        }
    }

    NTSTATUS GetVolumeInfo(VolumeInfo *Info) override {
        Info->TotalSize = Info->FreeSize = 1 << 20;
        return STATUS_SUCCESS;
    }

    NTSTATUS GetSecurityByName(PWSTR FileName, PUINT32 PFileAttributes, PSECURITY_DESCRIPTOR, SIZE_T *PSize) override {
        std::lock_guard<std::mutex> Guard(Lock);
        std::string Name = Narrow(FileName);
        if (PFileAttributes)
            *PFileAttributes = Name == "\\" ? FILE_ATTRIBUTE_DIRECTORY : Attributes(*Files.at(Name));
        if (PSize)
            *PSize = 0;
        return STATUS_SUCCESS;
    }

    NTSTATUS Create(PWSTR FileName, UINT32 CreateOptions, UINT32, UINT32, PSECURITY_DESCRIPTOR, UINT64,
                    PVOID *PFileNode, PVOID *PFileDesc, OpenFileInfo *Info) override {
        std::lock_guard<std::mutex> Guard(Lock);
        if (CreateOptions & FILE_DIRECTORY_FILE)
            return STATUS_NOT_SUPPORTED;
        std::shared_ptr<File> Made(new File{std::string(), ++LastIndex});
        if (!Files.emplace(Narrow(FileName), Made).second)
            return STATUS_OBJECT_NAME_COLLISION;
        return Opened(Made, PFileNode, PFileDesc, Info);
    }

    NTSTATUS Open(PWSTR FileName, UINT32, UINT32, PVOID *PFileNode, PVOID *PFileDesc, OpenFileInfo *Info) override {
        std::lock_guard<std::mutex> Guard(Lock);
        std::string Name = Narrow(FileName);
        if (Name == "\\unknown")
            throw 7;
        return Opened(Name == "\\" ? nullptr : Files.at(Name), PFileNode, PFileDesc, Info);
    }

    NTSTATUS Overwrite(PVOID FileNode, PVOID, UINT32, BOOLEAN, UINT64, FileInfo *Info) override {
        std::lock_guard<std::mutex> Guard(Lock);
        Of(FileNode)->Data.clear();
        return Fill(Of(FileNode), Info);
    }

    VOID Cleanup(PVOID, PVOID, PWSTR FileName, ULONG Flags) override {
        std::lock_guard<std::mutex> Guard(Lock);
        if (Flags & CleanupDelete)
            Files.erase(Narrow(FileName));
    }

    VOID Close(PVOID, PVOID FileDesc) override {
        Opening *Ended = static_cast<Opening *>(FileDesc);
        DeleteDirectoryBuffer(&Ended->Names);
        delete Ended;
    }

    NTSTATUS Read(PVOID FileNode, PVOID, PVOID Buffer, UINT64 Offset, ULONG Length, PULONG PBytesTransferred) override {
        std::lock_guard<std::mutex> Guard(Lock);
        const std::string &Data = Of(FileNode)->Data;
        if (Data == "throw\n")
            throw std::runtime_error("as the file says");
        if (Offset >= Data.size())
            return STATUS_END_OF_FILE;
        *PBytesTransferred = static_cast<ULONG>(Data.copy(static_cast<char *>(Buffer), Length, Offset));
        return STATUS_SUCCESS;
    }

    NTSTATUS Write(PVOID FileNode, PVOID, PVOID Buffer, UINT64 Offset, ULONG Length, BOOLEAN WriteToEndOfFile,
                   BOOLEAN ConstrainedIo, PULONG PBytesTransferred, FileInfo *Info) override {
        std::lock_guard<std::mutex> Guard(Lock);
        std::string &Data = Of(FileNode)->Data;
        SIZE_T At = WriteToEndOfFile ? Data.size() : Offset, End = At + Length;
        if (ConstrainedIo)
            End = At < Data.size() ? (End < Data.size() ? End : Data.size()) : At;
        if (End > Data.size())
            Data.resize(End);
        Data.replace(At, End - At, static_cast<const char *>(Buffer), End - At);
        *PBytesTransferred = static_cast<ULONG>(End - At);
        return Fill(Of(FileNode), Info);
    }

    NTSTATUS Flush(PVOID FileNode, PVOID, FileInfo *Info) override {
        return FileNode ? Fill(Of(FileNode), Info) : STATUS_SUCCESS;
    }

    NTSTATUS GetFileInfo(PVOID FileNode, PVOID, FileInfo *Info) override {
        std::lock_guard<std::mutex> Guard(Lock);
        return Fill(Of(FileNode), Info);
    }

    NTSTATUS SetBasicInfo(PVOID FileNode, PVOID, UINT32, UINT64, UINT64, UINT64, UINT64, FileInfo *Info) override {
        std::lock_guard<std::mutex> Guard(Lock);
        return Fill(Of(FileNode), Info);
    }

    NTSTATUS SetFileSize(PVOID FileNode, PVOID, UINT64 NewSize, BOOLEAN SetAllocationSize, FileInfo *Info) override {
        std::lock_guard<std::mutex> Guard(Lock);
        if (!SetAllocationSize || NewSize < Of(FileNode)->Data.size())
            Of(FileNode)->Data.resize(NewSize);
        return Fill(Of(FileNode), Info);
    }

    NTSTATUS CanDelete(PVOID, PVOID, PWSTR) override {
        return STATUS_SUCCESS;
    }

    NTSTATUS Rename(PVOID, PVOID, PWSTR FileName, PWSTR NewFileName, BOOLEAN ReplaceIfExists) override {
        std::lock_guard<std::mutex> Guard(Lock);
        std::string From = Narrow(FileName), To = Narrow(NewFileName);
        if (Files.count(To) && !ReplaceIfExists)
            return STATUS_OBJECT_NAME_COLLISION;
        std::shared_ptr<File> Moved = Files.at(From);
        Files.erase(From);
        Files[To] = Moved;
        return STATUS_SUCCESS;
    }

    NTSTATUS ReadDirectory(PVOID, PVOID FileDesc, PWSTR, PWSTR Marker, PVOID Buffer, ULONG Length,
                           PULONG PBytesTransferred) override {
        PVOID *Names = &static_cast<Opening *>(FileDesc)->Names;
        NTSTATUS Result = STATUS_SUCCESS;
        if (AcquireDirectoryBuffer(Names, !Marker, &Result)) {
            List(Names, &Result);
            ReleaseDirectoryBuffer(Names);
        }
        if (NT_SUCCESS(Result))
            ReadDirectoryBuffer(Names, Marker, Buffer, Length, PBytesTransferred);
        return Result;
    }

  private:
    std::mutex Lock;
    std::map<std::string, std::shared_ptr<File>> Files;
    UINT64 LastIndex = 1;

    static File *Of(PVOID FileNode) {
        return static_cast<File *>(FileNode);
    }

    static UINT32 Attributes(const File &) {
        return FILE_ATTRIBUTE_ARCHIVE;
    }

    /* File: NULL is the folder. */
    static NTSTATUS Fill(const File *File, FileInfo *Info) {
        *Info = FileInfo();
        Info->FileAttributes = File ? Attributes(*File) : FILE_ATTRIBUTE_DIRECTORY;
        Info->FileSize = File ? File->Data.size() : 0;
        Info->AllocationSize = (Info->FileSize + 511) / 512 * 512;
        Info->IndexNumber = File ? File->Index : 1;
        return STATUS_SUCCESS;
    }

    static NTSTATUS Opened(const std::shared_ptr<File> &File, PVOID *PFileNode, PVOID *PFileDesc, OpenFileInfo *Info) {
        Opening *Made = new Opening;
        Made->Of = File;
        *PFileNode = File.get();
        *PFileDesc = Made;
        return Fill(File.get(), &Info->FileInfo);
    }

    VOID List(PVOID *Names, NTSTATUS *PResult) {
        std::lock_guard<std::mutex> Guard(Lock);
        for (const auto &Entry : Files) {
            union {
                DirInfo Info;
                UINT8 Space[sizeof(DirInfo) + 256 * sizeof(WCHAR)];
            } Row;
            memset(&Row, 0, sizeof Row.Info);
            std::string Name = Entry.first.substr(1);
            Row.Info.Size = static_cast<UINT16>(sizeof Row.Info + Name.size() * sizeof(WCHAR));
            Fill(Entry.second.get(), &Row.Info.FileInfo);
            for (SIZE_T I = 0; I < Name.size(); I++)
                Row.Info.FileNameBuf[I] = static_cast<WCHAR>(Name[I]);
            if (!FillDirectoryBuffer(Names, &Row.Info, PResult))
                return;
        }
    }
};

class FolderService : public Fsp::Service {
  public:
    FolderService(PWSTR Name, const char *At, const char *Under)
        : Service(Name), Host(Files), Point(At), Prefix(Under) {
    }

  protected:
    NTSTATUS OnStart(ULONG, PWSTR *) override {
        WCHAR Text[256];
        if (Prefix)
            Host.SetPrefix(Fsp::Widen(Text, 256, Prefix));
        return Host.Mount(Fsp::Widen(Text, 256, Point));
    }
    NTSTATUS OnStop() override {
        Host.Unmount();
        if (Host.MountPoint() || Host.FileSystemHandle() || &Host.FileSystem() != &Files)
            throw std::logic_error("it is still there");
        return STATUS_SUCCESS;
    }

  private:
    Folder Files;
    Fsp::FileSystemHost Host;
    const char *Point, *Prefix;
};

} /* namespace */

int main(int argc, char **argv) {
    WCHAR Name[16];
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc < 2 || !NT_SUCCESS(Fsp::Initialize()))
        return 2;
    return static_cast<int>(FolderService(Fsp::Widen(Name, 16, "winfsp-class"), argv[1], argv[2]).Run());
}
