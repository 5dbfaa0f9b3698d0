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
  RpcError,
  SubscriptionTerminatedError
} from "../errors.ts"
export type {
  ConnectError,
  ErrorContext,
  ErrorInfo,
  ErrorTag,
  NetconfError,
  OperationError,
  RpcErrorItem,
  SubscribeError
} from "../errors.ts"
