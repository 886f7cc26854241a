<?php

declare(strict_types=1);

namespace Hawser\Exception;

/**
 * The broker is absent, silent, draining or full, and the direct path is switched off, impossible or unsafe.
 */
final class BrokerUnavailableException extends NetworkException {}
