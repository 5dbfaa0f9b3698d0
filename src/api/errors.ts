/** The errors as users see them, without what the library makes them with. */
export {
  AuditError,
  AuthError,
  CapabilityError,
  CertificateError,
  ChannelError,
  CommitUnknownError,
  ConnectionError,
  DataError,
  DeadlineError,
  HostKeyError,
  InputError,
  isNetconfError,
  printable,
  ProtocolError,
  RpcError
} from "../errors.ts"
export type {
  ConnectError,
  ErrorContext,
  ErrorInfo,
  ErrorTag,
  NetconfError,
  OperationError,
  RpcErrorItem
} from "../errors.ts"
