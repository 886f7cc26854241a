<?php

declare(strict_types=1);

namespace Hawser\Exception;

/**
 * The host name of the origin did not resolve.
 */
final class DnsException extends NetworkException {}
